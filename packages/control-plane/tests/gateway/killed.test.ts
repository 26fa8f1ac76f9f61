import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync } from "node:fs";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { waitFor } from "@pandastack/platform";
import { freePort } from "../../../platform/tests/support/free-port.ts";
import { createTestDatabase } from "../support/database.ts";
import { ADMIN_TOKEN, apiOf } from "../support/server.ts";
import { StandInHost } from "../support/stand-in/host.ts";

/** A control plane in a process of its own, so that kill -9 is what it is. */
const program = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
/** A uid that nothing else here runs as. */
const RUN_AS = 70_078;
const isRoot = process.getuid?.() === 0;
const CYCLES = 20;
const CLIENTS = 6;
/** Right answers before the next one is killed. */
const BETWEEN = 15;
/** Longer than anything here may take, a wake and a start included; shorter than a hang. */
const ANSWER_MS = 20_000;

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let host: StandInHost;
let plane: ChildProcess | undefined;
let port: number;
const executed = new Map<string, number>();
const inside = createServer((request, response) => {
  const path = request.url ?? "";
  executed.set(path, (executed.get(path) ?? 0) + 1);
  text(request).then(
    (body) => response.end(`${path} ${body}`),
    // Cut off half-way.
    () => response.destroy(),
  );
});

/** For whoever the control plane runs as. */
async function startHost(): Promise<void> {
  await host.start();
  chmodSync(host.folder, 0o755);
  chmodSync(host.socketPath, 0o777);
}

async function start(): Promise<void> {
  plane = spawn(process.execPath, [program], {
    env: {
      PATH: process.env["PATH"],
      PANDASTACK_LISTEN: `127.0.0.1:${port}`,
      DATABASE_URL: database.url,
      PANDASTACK_HOST_SOCKET: host.socketPath,
      PANDASTACK_API_KEY: ADMIN_TOKEN,
      PANDASTACK_RUNTIME: "fake",
      ...(isRoot ? { PANDASTACK_UID: String(RUN_AS), PANDASTACK_GID: String(RUN_AS) } : {}),
    },
    stdio: ["ignore", "ignore", "inherit"],
  });
  const isReady = () =>
    plane?.exitCode === null &&
    fetch(`http://127.0.0.1:${port}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
  await waitFor(isReady, { timeoutMs: 45_000, message: "the control plane is not ready" });
}

async function kill(): Promise<void> {
  const child = plane;
  plane = undefined;
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGKILL");
  await once(child, "exit");
}

beforeAll(async () => {
  [database, host] = [await createTestDatabase(), new StandInHost()];
  await startHost();
  host.ports.serve(3000, inside);
  port = await freePort();
  await start();
});
afterAll(async () => {
  await kill();
  await host.close();
  await database.drop();
});

test("20 times kill -9 and start, under requests to a preview: each is right, or to be tried again; none hangs, none is done twice", async () => {
  const api = apiOf(`http://127.0.0.1:${port}`);
  const { id } = (await api("POST", "/v1/sandboxes")).body;
  const { url } = (await api("POST", `/v1/sandboxes/${id}/preview-token`, { port: 3000 })).body;
  let isOver = false;
  let right = 0;
  const wrong: string[] = [];
  const seen = new Map<string, number>();
  const count = (what: string) => void seen.set(what, (seen.get(what) ?? 0) + 1);

  const client = async (name: number) => {
    for (let n = 0; !isOver; n++) {
      const path = `${name}/${n}`;
      const body = n % 2 === 0 ? undefined : "x".repeat(n * 10);
      try {
        const method = body === undefined ? "GET" : "POST";
        const reply = await fetch(url + path, { method, body: body ?? null, signal: AbortSignal.timeout(ANSWER_MS) });
        const said = await reply.text();
        count(String(reply.status));
        if (reply.status === 200 && said === `/${path} ${body ?? ""}`) right++;
        else if (reply.status === 200 || !isRetriable(reply.status, said)) wrong.push(`${reply.status} ${said}`);
      } catch (error) {
        if ((error as Error).name === "TimeoutError") wrong.push(`${path} hangs`);
        count("connection lost");
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  };
  const clients = Array.from({ length: CLIENTS }, (_, name) => client(name));
  try {
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      const goal = right + BETWEEN;
      await waitFor(() => right >= goal, { timeoutMs: 45_000, message: `cycle ${cycle}: no answers any more` });
      // A start takes seconds on a busy machine; all of it is to fit into forty.
      if (cycle % 4 === 0) {
        await kill();
        await start();
      } else {
        await host.kill();
        await startHost();
      }
    }
  } finally {
    isOver = true;
    await Promise.all(clients);
  }
  expect(wrong).toEqual([]);
  expect([...executed.values()].filter((times) => times > 1)).toEqual([]);
  expect(seen.get("200")).toBeGreaterThan(CYCLES * BETWEEN);
}, 300_000);

/** What a client may try again, by its status and by what it says. */
function isRetriable(status: number, said: string): boolean {
  return (status === 502 || status === 503) && (JSON.parse(said) as { retryable?: boolean }).retryable === true;
}
