import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { BenchClient } from "../bench-client.ts";
import type { Bench, MakeMeasure } from "../measure.ts";

const PORT = 8000;
const IN_FLIGHT = 8;
const BIG_BYTES = 4_000_000;
/** A program's first requests run as they are read; what lasts is compared, which both have compiled by then. */
const WARM_UP_REQUESTS = 2000;
const SERVER = `const big = Buffer.alloc(${BIG_BYTES}, 97);
require("node:http").createServer((request, response) => response.end(request.url.endsWith("/big") ? big : "ok")).listen(${PORT});`;
const START_TIMEOUT_MS = 30_000;

interface Way {
  readonly client: BenchClient;
  readonly base: string;
  readonly perSecond: number[];
  readonly megabytes: number[];
}

/** The same server in the same sandbox through the gateway and through a bare proxy, in turn: only their relation says something. */
export const proxy: MakeMeasure = (bench) => {
  const requests = bench.quick ? 400 : 1000;
  const ways: Way[] = [];
  let id = "";
  let bare: ChildProcess | undefined;
  return {
    rounds: bench.quick ? 2 : 6,
    async prepare() {
      if (bench.server === undefined) return;
      ({ id } = await bench.client.create());
      await bench.client.call("PUT", `/sandboxes/${id}/fs?path=/root/server.cjs`, Buffer.from(SERVER));
      await bench.client.call("POST", `/sandboxes/${id}/exec`, { cmd: "node /root/server.cjs", detach: true });
      const gateway = { client: bench.client, base: `/sandboxes/${id}/proxy/${PORT}`, perSecond: [], megabytes: [] };
      await untilListening(gateway);
      bare = spawn(
        process.execPath,
        [join(import.meta.dirname, "../bare-proxy.ts"), hostSocket(bench), id, String(PORT)],
        {
          stdio: ["ignore", "pipe", "inherit"],
        },
      );
      const [line] = (await once(bare.stdout!, "data")) as [Buffer];
      const client = new BenchClient(`http://127.0.0.1:${line.toString().trim()}`, "none");
      ways.push(gateway, { client, base: "", perSecond: [], megabytes: [] });
    },
    async round(isCounted) {
      for (const way of ways) await measure(way, isCounted ? requests : WARM_UP_REQUESTS, isCounted);
    },
    async finish() {
      bare?.kill();
      await ways[1]?.client.close();
      if (id !== "") await bench.client.remove(id);
    },
    rows: () => {
      const [gateway, other] = ways;
      const notRun = gateway === undefined ? { notRun: "needs a server of its own" } : {};
      const share = (of: "perSecond" | "megabytes") =>
        (gateway?.[of] ?? []).map((figure, at) => (figure / (other?.[of][at] ?? Number.NaN)) * 100);
      const target = { atLeast: 70 };
      return [
        {
          name: `requests through the gateway, ${IN_FLIGHT} in flight`,
          unit: "/s",
          samples: gateway?.perSecond ?? [],
          ...notRun,
        },
        { name: "  of what a bare proxy does", unit: "%", target, samples: share("perSecond"), ...notRun },
        { name: "a 4 MB answer through the gateway", unit: "MB/s", samples: gateway?.megabytes ?? [], ...notRun },
        { name: "  of what a bare proxy does", unit: "%", target, samples: share("megabytes"), ...notRun },
      ];
    },
  };
};

async function measure(way: Way, requests: number, isCounted: boolean): Promise<void> {
  const started = performance.now();
  let left = requests;
  await Promise.all(
    Array.from({ length: IN_FLIGHT }, async () => {
      while (left-- > 0) await way.client.call("GET", `${way.base}/`);
    }),
  );
  const seconds = (performance.now() - started) / 1000;
  const big = await way.client.call("GET", `${way.base}/big`);
  if (big.bytes !== BIG_BYTES) throw new Error(`${big.bytes} bytes of ${BIG_BYTES} came`);
  if (!isCounted) return;
  way.perSecond.push(requests / seconds);
  way.megabytes.push(BIG_BYTES / 1_000_000 / (big.ms / 1000));
}

async function untilListening(way: Way): Promise<void> {
  const end = performance.now() + START_TIMEOUT_MS;
  for (;;) {
    try {
      await way.client.call("GET", `${way.base}/`);
      return;
    } catch (error) {
      if (performance.now() > end) throw error;
      await delay(50);
    }
  }
}

function hostSocket({ server }: Bench): string {
  const { id } = JSON.parse(readFileSync(join(server!.dataDir, "server.json"), "utf8")) as { id: string };
  return `/run/pandastack/${id}/host.sock`;
}
