/**
 * A real control plane and a real host agent on its fake runtime, as programs of their own, for tests that are not written in
 * TypeScript: `node serve.ts` prints `{"url","token"}` once it is ready, and ends, leaving nothing, when its stdin does.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { waitFor } from "@pandastack/platform";
import { FakeHostAgent } from "./fake-host.ts";
import { TestPostgres } from "./postgres.ts";
import { freePort } from "../../../platform/tests/support/free-port.ts";

const TOKEN = "pds_00000000000000000000000000000000";
/** The control plane does not serve as root. A uid that nothing else here runs as. */
const RUN_AS = 70_078;
const isRoot = process.getuid?.() === 0;
const READY_TIMEOUT_MS = 90_000;
const program = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

const postgres = new TestPostgres();
const agent = new FakeHostAgent();
const stdinEnded = new Promise((resolve) => process.stdin.once("end", resolve).resume());
// Its end is how this program is stopped, whatever the terminal says.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.stdin.emit("end"));
try {
  await Promise.all([postgres.start(), agent.start()]);
  chmodSync(agent.folder, 0o755);
  chmodSync(agent.socketPath, 0o777);
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const controlPlane = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", program], {
    env: {
      PATH: process.env["PATH"],
      PANDASTACK_LISTEN: `127.0.0.1:${port}`,
      DATABASE_URL: postgres.url("postgres"),
      PANDASTACK_HOST_SOCKET: agent.socketPath,
      PANDASTACK_API_KEY: TOKEN,
      PANDASTACK_RUNTIME: "fake",
      ...(isRoot ? { PANDASTACK_UID: String(RUN_AS), PANDASTACK_GID: String(RUN_AS) } : {}),
      PANDASTACK_LOG_LEVEL: process.env["PANDASTACK_LOG_LEVEL"] ?? "error",
    },
    stdio: ["ignore", "inherit", "inherit"],
  });
  const ended = once(controlPlane, "exit");
  try {
    const isReady = () =>
      fetch(`${url}/readyz`).then(
        (reply) => reply.ok,
        () => false,
      );
    await Promise.race([
      waitFor(isReady, { timeoutMs: READY_TIMEOUT_MS, message: "the control plane is not ready" }),
      ended.then(() => Promise.reject(new Error("the control plane ended before it was ready"))),
    ]);
    process.stdout.write(`${JSON.stringify({ url, token: TOKEN })}\n`);
    await Promise.race([stdinEnded, ended]);
  } finally {
    controlPlane.kill("SIGKILL");
    await ended;
  }
} finally {
  await agent.remove();
  await postgres.stop();
  postgres.remove();
}
