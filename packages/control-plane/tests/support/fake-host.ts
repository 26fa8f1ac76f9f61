import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { waitFor } from "@pandastack/platform";

const program = fileURLToPath(new URL("../../../host-agent/src/main.ts", import.meta.url));

/** The real host agent in its own process, with the runtime that makes everything up. */
export class FakeHostAgent {
  readonly folder = mkdtempSync("/tmp/pandastack-test-agent-");
  readonly socketPath = join(this.folder, "run", "host.sock");
  readonly #env: Readonly<Record<string, string>>;
  #process: ChildProcess | undefined;

  constructor(env: Readonly<Record<string, string>> = {}) {
    this.#env = env;
  }

  async start(): Promise<void> {
    for (const name of ["data", "run", "cache"]) mkdirSync(join(this.folder, name), { recursive: true });
    rmSync(this.socketPath, { force: true });
    this.#process = spawn(process.execPath, [program], {
      env: {
        PATH: process.env["PATH"],
        PANDASTACK_RUNTIME: "fake",
        PANDASTACK_DATA_DIR: join(this.folder, "data"),
        PANDASTACK_RUN_DIR: join(this.folder, "run"),
        PANDASTACK_CACHE_DIR: join(this.folder, "cache"),
        PANDASTACK_HOST_SOCKET: this.socketPath,
        PANDASTACK_LOG_LEVEL: process.env["PANDASTACK_LOG_LEVEL"] ?? "silent",
        ...this.#env,
      },
      stdio: ["ignore", "ignore", "inherit"],
    });
    await waitFor(() => existsSync(this.socketPath), { timeoutMs: 60_000, message: "the host agent does not listen" });
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null) return;
    child.kill(signal);
    await once(child, "exit");
  }

  async remove(): Promise<void> {
    await this.kill("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }
}
