import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { waitFor, type CrashPoint } from "@pandastack/platform";
import { leftoversOf } from "../../e2e/support/leftovers.ts";
import { freePort } from "../../../packages/platform/tests/support/free-port.ts";
import { removeData, startServer, type RunningServer } from "../../e2e/support/start-server.ts";

export const parts = ["host agent", "control plane", "PostgreSQL"] as const;
export type Part = (typeof parts)[number];
/** What the server's sandboxes are, unless they need what only another has. */
export type CrashRuntime = "microvm" | "gvisor" | "fake";
const RECORDS: Record<Part, string> = {
  "host agent": "host-agent",
  "control plane": "control-plane",
  PostgreSQL: "postgres",
};

/** Started processes read their code and adopt what lives; a part that keeps dying is started again ever later. */
const UP_TIMEOUT_MS = 60_000;
const DEATH_TIMEOUT_MS = 20_000;
const LOG_LINES = 25;
/** One empty VMM ahead, so that there is one to be lost, and few for the rest to wait for. */
const VMMS_AHEAD = 1;
/** With the default template's memory, and blank. On gVisor a created container, beside those: such a server has microVMs as well. */
const KINDS_AHEAD = { microvm: 2, gvisor: 3, fake: 0 };
/** What `packages/host-agent/src/assemble.ts` keeps ready besides. */
const SLOTS_AHEAD = 4;

/** The real server, as `npm start` runs it, with its crash points within reach. */
export class CrashServer {
  readonly #armedDir: string;
  readonly #env: Record<string, string>;
  readonly runtime: CrashRuntime;
  #running: RunningServer;

  private constructor(running: RunningServer, runtime: CrashRuntime, armedDir: string, env: Record<string, string>) {
    this.#running = running;
    this.runtime = runtime;
    this.#armedDir = armedDir;
    this.#env = env;
  }

  static async start(runtime: CrashRuntime, env: Record<string, string> = {}): Promise<CrashServer> {
    // The control plane has no rights to speak of, and has to take the file away.
    const armedDir = mkdtempSync(join(tmpdir(), "pandastack-crash-armed-"));
    chmodSync(armedDir, 0o777);
    const all = {
      PANDASTACK_POOL_GB: "6",
      PANDASTACK_RUNTIME: runtime,
      PANDASTACK_VMMS_AHEAD: String(VMMS_AHEAD),
      // What other tests do with the host's memory puts none to sleep here: no round expects that.
      PANDASTACK_PRESSURE_IDLE_SECONDS: "86400",
      PANDASTACK_CRASH_FILE: join(armedDir, "armed"),
      ...env,
    };
    const dataDir = mkdtempSync(join(tmpdir(), "pandastack-crash-"));
    try {
      const running = await startServer({ dataDir, port: await freePort(), env: all });
      return new CrashServer(running, runtime, armedDir, all);
    } catch (error) {
      rmSync(armedDir, { recursive: true });
      throw error;
    }
  }

  get url(): string {
    return this.#running.url;
  }
  get token(): string {
    return this.#running.token;
  }
  get dataDir(): string {
    return this.#running.dataDir;
  }
  get poolDir(): string {
    return join(this.dataDir, "pool");
  }
  get id(): string {
    return (JSON.parse(readFileSync(join(this.dataDir, "server.json"), "utf8")) as { id: string }).id;
  }
  get runDir(): string {
    return join("/run/pandastack", this.id);
  }
  /** Machines and slots that wait for nobody in particular. */
  get spare(): { machines: number; slots: number } {
    const machines = KINDS_AHEAD[this.runtime] * VMMS_AHEAD;
    return { machines, slots: machines + SLOTS_AHEAD };
  }

  /** The process that gets there next, or for the n-th time from now, dies. */
  arm(point: CrashPoint, times = 1): void {
    writeFileSync(join(this.#armedDir, "armed"), `${point} ${times}`, { mode: 0o666 });
  }
  disarm(): void {
    rmSync(join(this.#armedDir, "armed"), { force: true });
  }
  get isArmed(): boolean {
    return existsSync(join(this.#armedDir, "armed"));
  }

  pidOf(part: Part): number | undefined {
    try {
      const text = readFileSync(join(this.runDir, `${RECORDS[part]}.json`), "utf8");
      const { pid } = JSON.parse(text) as { pid: number };
      return isAlive(pid) ? pid : undefined;
    } catch {
      return undefined;
    }
  }

  /** SIGKILL, if it lives at this moment. */
  async kill(part: Part): Promise<void> {
    await killAndWait(this.pidOf(part));
  }

  /** The supervisor first, so that it starts nothing anew; then a start, as an operator would. */
  async killEverything(): Promise<void> {
    await killAndWait(this.#running.supervisor.pid);
    for (const part of parts) await this.kill(part);
    this.#running = await startServer({
      dataDir: this.dataDir,
      port: this.#running.port,
      env: this.#env,
      readyTimeoutMs: UP_TIMEOUT_MS,
    });
  }

  /** Every part lives and the server says that a create would work. */
  async untilUp(): Promise<void> {
    await waitFor(
      async () => {
        if (parts.some((part) => this.pidOf(part) === undefined)) return false;
        const answer = await fetch(`${this.url}/readyz`, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined);
        await answer?.arrayBuffer().catch(() => undefined);
        return answer?.status === 200;
      },
      { timeoutMs: UP_TIMEOUT_MS, intervalMs: 25, message: "the server is not up again" },
    ).catch((error: unknown) => {
      throw new Error(`${error instanceof Error ? error.message : String(error)}\n${this.logs()}`, { cause: error });
    });
  }

  /** The ends of all logs, for a failing round. */
  logs(): string {
    return ["host-agent", "control-plane"]
      .map((name) => {
        const path = join(this.dataDir, "logs", `${name}.log`);
        const lines = existsSync(path) ? readFileSync(path, "utf8").trimEnd().split("\n").slice(-LOG_LINES) : [];
        return `── ${name}\n${lines.map(inShort).join("\n")}`;
      })
      .join("\n");
  }

  /** Stops it and answers what it has left on the host. */
  async stop(): Promise<string[]> {
    this.disarm();
    await this.#running.stop();
    const left = leftoversOf(this.dataDir);
    if (left.length === 0) removeData(this.dataDir);
    rmSync(this.#armedDir, { recursive: true, force: true });
    return left;
  }
}

/** What a line of a log says, without the rest. */
function inShort(line: string): string {
  try {
    const { time, pid, msg, sandboxId, err } = JSON.parse(line) as {
      time: number;
      pid: number;
      msg?: string;
      sandboxId?: string;
      err?: { message?: string };
    };
    return [new Date(time).toISOString().slice(11), pid, msg, sandboxId, err?.message]
      .filter((part) => part !== undefined)
      .join(" ");
  } catch {
    return line.slice(0, 200);
  }
}

export function isAlive(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

export async function killAndWait(pid: number | undefined): Promise<void> {
  if (pid === undefined || !isAlive(pid)) return;
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // Died by itself at this very moment.
  }
  await waitFor(() => !isAlive(pid), { timeoutMs: DEATH_TIMEOUT_MS, message: `process ${pid} does not die` });
}
