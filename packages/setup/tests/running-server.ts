import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openCache } from "../src/cache/cache.ts";
import { obtainPostgres } from "../src/artifacts/postgres.ts";
import { postgres } from "../src/supervisor/postgres.ts";
import { mountsBelow } from "../src/tools/remove-tree.ts";
import { waitFor } from "../src/tools/wait.ts";
import { freePort } from "../../platform/tests/support/free-port.ts";

const REPOSITORY = join(import.meta.dirname, "../../..");
const READY_TIMEOUT_MS = 60_000;

/** A data folder, an address, and the server with stand-ins that is started on them, once or several times. */
export class TestServer {
  #dataDir = mkdtempSync(join(tmpdir(), "pandastack-setup-"));
  readonly notesFile = join(mkdtempSync(join(tmpdir(), "pandastack-notes-")), "notes");
  readonly port: number;
  readonly postgres: string;
  #process: ChildProcess | undefined;
  #output = "";

  private constructor(port: number, postgres: string) {
    // The control plane's user writes notes as well.
    writeFileSync(this.notesFile, "");
    chmodSync(this.notesFile, 0o666);
    chmodSync(join(this.notesFile, ".."), 0o711);
    this.port = port;
    this.postgres = postgres;
  }

  /** `isNew`: without a database cluster, as at a server's first start; others get a copy of one made once. */
  static async make(options: { isNew?: boolean } = {}): Promise<TestServer> {
    const cache = openCache(process.env["PANDASTACK_CACHE_DIR"] ?? "/var/cache/pandastack");
    const server = new TestServer(await freePort(), (await obtainPostgres(cache, REPOSITORY)).path);
    if (options.isNew !== true)
      cpSync(await emptyCluster(server.postgres), join(server.dataDir, "pg"), { recursive: true });
    return server;
  }

  get dataDir(): string {
    return this.#dataDir;
  }

  /** The data folder gets another path, while nothing runs on it. */
  async move(): Promise<void> {
    const place = `${this.#dataDir}-moved`;
    renameSync(this.#dataDir, place);
    this.#dataDir = place;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get output(): string {
    return this.#output;
  }

  get notes(): string[] {
    return readFileSync(this.notesFile, "utf8").trim().split("\n");
  }

  /** What a control plane found last in its database; the host agent beside it notes in its own time. */
  get lastDatabase(): string | undefined {
    return this.notes.findLast((note) => note.startsWith("database: "));
  }

  get pid(): number {
    return this.#process?.pid as number;
  }

  get id(): string {
    return (JSON.parse(readFileSync(join(this.dataDir, "server.json"), "utf8")) as { id: string }).id;
  }

  get runDir(): string {
    return `/run/pandastack/${this.id}`;
  }

  /** Starts it and returns at once. In a process group of its own, with npm's shell played by `launchers`. */
  spawn(env: Record<string, string> = {}): ChildProcess {
    this.#output = "";
    const child = spawn(process.execPath, [join(import.meta.dirname, "stand-ins/server.ts")], {
      detached: true,
      stdio: ["pipe", "pipe", "pipe"],
      env: {
        ...process.env,
        PANDASTACK_DATA_DIR: this.dataDir,
        PANDASTACK_LISTEN: `127.0.0.1:${this.port}`,
        PANDASTACK_TEST_NOTES: this.notesFile,
        PANDASTACK_TEST_POSTGRES: this.postgres,
        XDG_CONFIG_HOME: join(this.dataDir, "config"),
        ...env,
      },
    });
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => (this.#output += chunk.toString()));
    this.#process = child;
    return child;
  }

  async start(env: Record<string, string> = {}): Promise<void> {
    const child = this.spawn(env);
    await waitFor(
      () => {
        if (child.exitCode !== null || child.signalCode !== null) throw new Error(`the server ended:\n${this.#output}`);
        return this.#output.includes("PandaStack is ready");
      },
      { timeoutMs: READY_TIMEOUT_MS, message: "the server is not ready" },
    ).catch((error: Error) => {
      throw new Error(`${error.message}:\n${this.#output}`, { cause: error });
    });
  }

  /** What happens to it when the program that started it ends. */
  async endInput(): Promise<number | null> {
    const ended = this.#ended();
    this.#process?.stdin?.end();
    return ended;
  }

  #ended(): Promise<number | null> {
    return new Promise((resolve) => this.#process?.once("exit", resolve));
  }

  /** Signals the whole process group, as a terminal does. */
  async end(signal: NodeJS.Signals, whom: "group" | "process" = "group"): Promise<number | null> {
    const child = this.#process as ChildProcess;
    const ended = this.#ended();
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    process.kill(whom === "group" ? -(child.pid as number) : (child.pid as number), signal);
    return ended;
  }

  recordedPid(name: "postgres" | "host-agent" | "control-plane"): number {
    return (JSON.parse(readFileSync(join(this.runDir, `${name}.json`), "utf8")) as { pid: number }).pid;
  }

  /** Stops what a failed test may have left, and removes the folders. */
  async dispose(): Promise<void> {
    if (existsSync(join(this.dataDir, "server.json")) && existsSync(this.runDir)) {
      await this.end("SIGKILL").catch(() => {});
      await this.start();
    }
    if (this.#process !== undefined) await this.end("SIGTERM");
    rmSync(this.dataDir, { recursive: true, force: true });
    rmSync(join(this.notesFile, ".."), { recursive: true, force: true });
  }

  /** What the server still has on this host. */
  leftovers(): string[] {
    const left = existsSync(this.runDir) ? [this.runDir] : [];
    const lease = `/run/pandastack/identities/${this.id}.json`;
    if (existsSync(lease)) left.push(lease);
    left.push(...mountsBelow(this.dataDir), ...mountsBelow(this.runDir));
    return left;
  }
}

let made: Promise<string> | undefined;

/** To be called once at the end of a test file. */
export async function removeEmptyCluster(): Promise<void> {
  if (made !== undefined) rmSync(join(await made, ".."), { recursive: true, force: true });
}

/** A database cluster that no server has run on yet. */
function emptyCluster(programs: string): Promise<string> {
  made ??= (async () => {
    const dataDir = mkdtempSync(join(tmpdir(), "pandastack-cluster-"));
    chmodSync(dataDir, 0o711);
    const identity = {
      id: "test",
      number: 0,
      runDir: join(dataDir, "run"),
      users: { controlPlane: 799_990, postgres: 799_991 },
    };
    await postgres({ programs, dataDir, identity }).initialise(() => {});
    return join(dataDir, "pg");
  })();
  return made;
}
