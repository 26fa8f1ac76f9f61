import { readFileSync } from "node:fs";
import { Agent, type IncomingMessage, request } from "node:http";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Duplex } from "node:stream";
import { openTunnel } from "../../../packages/control-plane/src/hosts/tunnel.ts";
import type { Bench, MakeMeasure } from "../measure.ts";

const PORT = 8000;
const SERVER = `require("node:http").createServer((_, response) => response.end("ok")).listen(${PORT});`;
const START_TIMEOUT_MS = 30_000;
const PAIRS = 40;

/**
 * One request at a time, through the gateway and straight through the host agent's tunnel, in turn: the second is the guest's
 * own time and the channel's. Then the first request after a hibernation, answered by a wake.
 */
export const preview: MakeMeasure = (bench) => {
  const beyond: number[] = [];
  const through: number[] = [];
  const woken: number[] = [];
  let id = "";
  let tunnels: TunnelAgent | undefined;
  const path = () => `/sandboxes/${id}/proxy/${PORT}/`;
  return {
    rounds: bench.quick ? 3 : 10,
    async prepare() {
      if (bench.server === undefined) return;
      ({ id } = await bench.client.create());
      await bench.client.call("PUT", `/sandboxes/${id}/fs?path=/root/server.cjs`, Buffer.from(SERVER));
      await bench.client.call("POST", `/sandboxes/${id}/exec`, { cmd: "node /root/server.cjs", detach: true });
      await untilAnswered(() => bench.client.call("GET", path()));
      tunnels = new TunnelAgent(hostSocket(bench), id);
    },
    async round(isCounted) {
      if (tunnels === undefined) return;
      const [own, whole]: [number[], number[]] = [[], []];
      for (let pair = 0; pair < PAIRS; pair++) {
        own.push(await straight(tunnels));
        whole.push((await bench.client.call("GET", path())).ms);
      }
      tunnels.destroy();
      await bench.client.call("POST", `/sandboxes/${id}/hibernate`);
      const wake = await bench.client.call("GET", path());
      if (!isCounted) return;
      through.push(median(whole));
      beyond.push(median(whole) - median(own));
      woken.push(wake.ms);
    },
    async finish() {
      tunnels?.destroy();
      if (id !== "") await bench.client.remove(id);
    },
    rows: () => {
      const notRun = bench.server === undefined ? { notRun: "needs a server of its own" } : {};
      return [
        { name: "a request through the gateway", unit: "ms", samples: through, ...notRun },
        { name: "  beyond the guest's own time", unit: "ms", target: { atMost: 3 }, samples: beyond, ...notRun },
        { name: "wake on request, answer included", unit: "ms", target: { atMost: 200 }, samples: woken, ...notRun },
      ];
    },
  };
};

class TunnelAgent extends Agent {
  readonly #socketPath: string;
  readonly #id: string;

  constructor(socketPath: string, id: string) {
    super({ keepAlive: true, maxSockets: 1 });
    this.#socketPath = socketPath;
    this.#id = id;
  }

  override createConnection(_options: unknown, callback?: (error: Error | null, socket: Duplex) => void): undefined {
    openTunnel(this.#socketPath, this.#id, PORT).then(
      (socket) => callback?.(null, socket),
      (error: unknown) => callback?.(error as Error, undefined as never),
    );
    return undefined;
  }
}

async function straight(agent: Agent): Promise<number> {
  const started = performance.now();
  const reply = await new Promise<IncomingMessage>((resolve, reject) => {
    request({ agent, host: "guest", path: "/" }, resolve).once("error", reject).end();
  });
  for await (const _ of reply);
  return performance.now() - started;
}

async function untilAnswered(ask: () => Promise<unknown>): Promise<void> {
  const end = performance.now() + START_TIMEOUT_MS;
  for (;;) {
    try {
      await ask();
      return;
    } catch (error) {
      if (performance.now() > end) throw error;
      await delay(50);
    }
  }
}

const median = (figures: readonly number[]): number => figures.toSorted((a, b) => a - b)[figures.length >> 1]!;

function hostSocket({ server }: Bench): string {
  const { id } = JSON.parse(readFileSync(join(server!.dataDir, "server.json"), "utf8")) as { id: string };
  return `/run/pandastack/${id}/host.sock`;
}
