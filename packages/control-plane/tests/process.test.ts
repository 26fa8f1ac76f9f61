import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { waitFor } from "@pandastack/platform";
import { createTestDatabase } from "./support/database.ts";
import { ADMIN_TOKEN, apiOf } from "./support/server.ts";
import { collect, readEvents } from "./support/server-sent-events.ts";
import { StandInHost } from "./support/stand-in/host.ts";
import { TestSocket } from "./support/sockets.ts";
import { LET_GO_OF_POOLS } from "../../host-agent/src/pool/let-go-of-pools.ts";
import { freePort } from "../../platform/tests/support/free-port.ts";

const repository = fileURLToPath(new URL("../../..", import.meta.url)).replace(/\/$/, "");
const program = "packages/control-plane/src/main.ts";
/** A uid and gid that nothing else here runs as, and that no file belongs to. */
const RUN_AS = 70_077;
const isRoot = process.getuid?.() === 0;

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let host: StandInHost;
let child: ChildProcess | undefined;
let output = "";
beforeAll(async () => {
  database = await createTestDatabase();
  host = new StandInHost();
  await host.start();
  chmodSync(host.folder, 0o755);
  chmodSync(host.socketPath, 0o777);
});
afterEach(async () => {
  if (child !== undefined && child.exitCode === null && child.signalCode === null) {
    child.kill("SIGKILL");
    await once(child, "exit");
  }
  child = undefined;
});
afterAll(async () => {
  await host.close();
  await database.drop();
});

async function start(command: string[], env: Record<string, string> = {}): Promise<string> {
  const port = await freePort();
  output = "";
  child = spawn(command[0]!, command.slice(1), {
    env: {
      PATH: process.env["PATH"],
      PANDASTACK_LISTEN: `127.0.0.1:${port}`,
      DATABASE_URL: database.url,
      PANDASTACK_HOST_SOCKET: host.socketPath,
      PANDASTACK_API_KEY: ADMIN_TOKEN,
      PANDASTACK_RUNTIME: "fake",
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  for (const stream of [child.stdout, child.stderr]) stream!.on("data", (data) => (output += data));
  return `http://127.0.0.1:${port}`;
}

const ready = (url: string) =>
  waitFor(
    () => {
      if (child?.exitCode !== null && child?.exitCode !== undefined) throw new Error(`it ended: ${output}`);
      return fetch(`${url}/readyz`).then(
        (reply) => reply.status === 200,
        () => false,
      );
    },
    { timeoutMs: 25_000, message: "not ready" },
  ).catch((error: unknown) => {
    throw new Error(`${String(error)}: ${output}`);
  });

describe("the process", () => {
  test.runIf(isRoot)(
    "serves everything as an unprivileged user from a clone that only root can read",
    async () => {
      const folder = mkdtempSync("/tmp/pandastack-test-clone-");
      mkdirSync(join(folder, "clone"));
      chmodSync(folder, 0o700);
      // The repository as it is, seen through a folder that is closed to everyone but root. Node as well: its path may be closed too.
      const script = `${LET_GO_OF_POOLS}; mount --bind "${repository}" "${folder}/clone" && exec "${process.execPath}" "${folder}/clone/${program}"`;
      try {
        const url = await start(["unshare", "--mount", "sh", "-c", script], {
          PANDASTACK_UID: String(RUN_AS),
          PANDASTACK_GID: String(RUN_AS),
        });
        await ready(url);
        const status = readFileSync(`/proc/${child!.pid}/status`, "utf8");
        expect(status).toMatch(new RegExp(`^Uid:\\s+${RUN_AS}\\s+${RUN_AS}\\s+${RUN_AS}\\s+${RUN_AS}$`, "m"));
        expect(status).toMatch(new RegExp(`^Gid:\\s+${RUN_AS}\\s+${RUN_AS}\\s+${RUN_AS}\\s+${RUN_AS}$`, "m"));
        expect(status).toMatch(new RegExp(`^Groups:\\s+${RUN_AS}\\s*$`, "m"));
        expect(status).toMatch(/^CapEff:\s+0+$/m);
        // Whatever is loaded late would fail now: so a bit of everything.
        const api = apiOf(url);
        const { body } = await api("POST", "/v1/sandboxes");
        const base = `/v1/sandboxes/${body.id}`;
        expect((await api("POST", `${base}/exec`, { cmd: "echo hi" })).body.stdout).toBe("hi\n");
        expect((await api("PUT", `${base}/fs?path=/a`, "x")).status).toBe(200);
        expect((await api("GET", `${base}/fs?path=/a`)).body).toBe("x");
        expect((await api("POST", `${base}/fork-tree`)).status).toBe(201);
        expect((await api("POST", `${base}/snapshots`)).status).toBe(201);
        expect((await api("POST", "/v1/sandboxes", {}, { headers: { "idempotency-key": "k" } })).status).toBe(201);
        expect((await api("POST", "/v1/sandboxes", { ttl_seconds: -1 })).status).toBe(400);
        const stream = await fetch(`${url}${base}/exec/stream`, {
          method: "POST",
          headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
          body: JSON.stringify({ cmd: "exit 3" }),
        });
        expect((await collect(readEvents(stream))).at(-1)).toMatchObject({ event: "exit" });
        const socket = await new TestSocket(`${url}${base}/ssh`).open();
        await socket.untilText("24x80");
        socket.socket.close();
        for (const path of [
          "/docs/",
          "/docs/js/scalar.js",
          "/docs/openapi.json",
          "/docs/openapi.yaml",
          "/openapi.json",
          "/metrics",
          "/version",
          "/v1/hosts",
          "/v1/templates",
        ])
          expect((await api("GET", path)).status, path).toBe(200);
        child!.kill("SIGTERM");
        const [code] = (await once(child!, "exit")) as [number];
        expect(code, output).toBe(0);
        expect(output).not.toMatch(/EACCES|MODULE_NOT_FOUND/);
      } finally {
        child?.kill("SIGKILL");
        rmSync(folder, { recursive: true, force: true });
      }
    },
    60_000,
  );

  test.runIf(isRoot)("refuses to serve as root", async () => {
    await start([process.execPath, join(repository, program)]);
    const [code] = (await once(child!, "exit")) as [number];
    expect(code).toBe(1);
    expect(output).toContain("refusing to serve as root");
  });

  test("says what is wrong with its environment, and nothing else", () => {
    const run = spawnSync(process.execPath, [join(repository, program)], {
      env: { PATH: process.env["PATH"], PANDASTACK_LISTEN: "?" },
      encoding: "utf8",
    });
    expect(run.status).toBe(1);
    expect(run.stderr.trim().split("\n")).toEqual([
      expect.stringContaining("PANDASTACK_LISTEN"),
      "DATABASE_URL is not set",
      "PANDASTACK_HOST_SOCKET is not set",
    ]);
  });

  test.runIf(isRoot)(
    "killed and started again it knows everything, and secrets are in neither its log nor its environment",
    async () => {
      const command = [
        "setpriv",
        `--reuid=${RUN_AS}`,
        `--regid=${RUN_AS}`,
        "--clear-groups",
        process.execPath,
        join(repository, program),
      ];
      const url = await start(command, { PANDASTACK_LOG_LEVEL: "trace" });
      await ready(url);
      const { body } = await apiOf(url)("POST", "/v1/sandboxes", {
        env: { SECRET: "hush-hush" },
        metadata: { "secret.k": "whisper" },
      });
      await fetch(`${url}/v1/me?access_token=${ADMIN_TOKEN}`);
      expect(output).not.toContain(ADMIN_TOKEN);
      expect(output).not.toContain("hush-hush");
      expect(output).not.toContain("whisper");
      child!.kill("SIGKILL");
      await once(child!, "exit");
      const again = await start(command);
      await ready(again);
      expect((await apiOf(again)("GET", `/v1/sandboxes/${body.id}`)).body).toMatchObject({
        id: body.id,
        status: "running",
      });
      expect((await apiOf(again)("POST", `/v1/sandboxes/${body.id}/exec`, { cmd: "env SECRET" })).body.stdout).toBe(
        "hush-hush\n",
      );
    },
    60_000,
  );
});
