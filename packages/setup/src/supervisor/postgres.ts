import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { runTool } from "../tools/run-tool.ts";
import type { ChildPlan } from "./child.ts";
import type { ServerIdentity } from "./identity.ts";
import { type Jail, jailArguments, writeUsers } from "./postgres-jail.ts";

/** The built-in PostgreSQL of one server. */
export interface Postgres {
  readonly plan: ChildPlan;
  /** For the control plane: its socket, its user, its database. */
  readonly url: string;
  /** Makes the cluster if there is none. */
  initialise(log: (text: string) => void): Promise<void>;
  /** Whether it takes connections. */
  isReady(): boolean;
}

const ROLE = "pandastack";
/** Small: every sandbox's memory counts more. Durable: what was acknowledged outlives a power cut. */
const SETTINGS = {
  listen_addresses: "",
  shared_buffers: "32MB",
  max_connections: "100",
  fsync: "on",
  synchronous_commit: "on",
  huge_pages: "off",
  timezone: "UTC",
  log_timezone: "UTC",
  log_min_messages: "warning",
};

export function postgres(options: { programs: string; dataDir: string; identity: ServerIdentity }): Postgres {
  const { programs, identity } = options;
  const { runDir, users } = identity;
  const cluster = join(options.dataDir, "pg");
  const socketDir = join(runDir, "pg");
  const folder = join(runDir, "pg-private");
  const jail: Jail = { cluster, mountPoint: join(folder, "data"), passwd: join(folder, "passwd"), uid: users.postgres };
  const hba = join(folder, "hba.conf");
  const ident = join(folder, "ident.conf");
  const env = { PATH: "/usr/bin:/bin", LANG: "C.UTF-8", LC_ALL: "C.UTF-8", HOME: "/", TZ: "UTC" };

  const prepare = async (): Promise<void> => {
    mkdirSync(jail.mountPoint, { recursive: true, mode: 0o755 });
    mkdirSync(socketDir, { recursive: true });
    // Who can enter the folder can ask: the server itself, and the control plane by its group.
    chownSync(socketDir, users.postgres, users.controlPlane);
    chmodSync(socketDir, 0o750);
    writeUsers(jail.passwd, { root: 0, [ROLE]: users.controlPlane, postgres: users.postgres });
    // The kernel says who is at the other end, so there is no password to lose.
    writeFileSync(hba, "local all all peer map=local\n", { mode: 0o644 });
    const rows = [`local ${ROLE} ${ROLE}`, `local root ${ROLE}`, "local root postgres", "local postgres postgres"];
    writeFileSync(ident, `${rows.join("\n")}\n`, { mode: 0o644 });
    if (!existsSync(cluster)) return;
    giveTo(cluster, users.postgres);
    // A copied data folder may have come with another mode, which PostgreSQL refuses.
    chmodSync(cluster, 0o700);
  };

  const settings = { ...SETTINGS, unix_socket_directories: socketDir, hba_file: hba, ident_file: ident };
  const program = (name: string): string => join(programs, "bin", name);
  const server = [
    "-D",
    jail.mountPoint,
    ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
  ];

  return {
    url: `postgresql://${ROLE}@/${ROLE}?host=${encodeURIComponent(socketDir)}`,
    plan: {
      name: "PostgreSQL",
      file: "unshare",
      args: jailArguments(jail, program("postgres"), server),
      env,
      cwd: "/",
      logFile: join(options.dataDir, "logs/postgres.log"),
      recordFile: join(runDir, "postgres.json"),
      // Fast shutdown: sessions are ended, everything is written.
      stopSignal: "SIGINT",
      stopTimeoutMs: 30_000,
      replaceSignal: "SIGINT",
      prepare,
    },
    initialise: async (log) => {
      if (existsSync(cluster)) return;
      const unfinished = `${cluster}.tmp`;
      rmSync(unfinished, { recursive: true, force: true });
      mkdirSync(unfinished, { mode: 0o700 });
      chownSync(unfinished, users.postgres, users.postgres);
      await prepare();
      const making: Jail = { ...jail, cluster: unfinished };
      const initdb = [
        "-D",
        jail.mountPoint,
        "--username=postgres",
        "--auth=peer",
        "--encoding=UTF8",
        "--locale=C.UTF-8",
      ];
      await runTool("unshare", jailArguments(making, program("initdb"), initdb), { log, env, cwd: "/" });
      // The package brings no psql; a single-user server takes statements on its standard input.
      const statements = [`CREATE ROLE ${ROLE} LOGIN;`, `CREATE DATABASE ${ROLE} OWNER ${ROLE};`, ""].join("\n");
      const single = jailArguments(making, program("postgres"), ["--single", ...server, "postgres"]);
      await runTool("unshare", single, { log, env, cwd: "/", input: statements });
      renameSync(unfinished, cluster);
    },
    isReady: () => statusOf(cluster) === "ready",
  };
}

/** Line 8 of postmaster.pid. */
function statusOf(cluster: string): string | undefined {
  try {
    return readFileSync(join(cluster, "postmaster.pid"), "utf8").split("\n")[7]?.trim();
  } catch {
    return undefined;
  }
}

/** After the server has got another number on this host, or the folder came from another one. */
function giveTo(folder: string, uid: number): void {
  if (statSync(folder).uid === uid) return;
  const give = (path: string): void => {
    if (lstatSync(path).isDirectory()) for (const name of readdirSync(path)) give(join(path, name));
    lchownSync(path, uid, uid);
  };
  // The top last: a walk that was cut off is seen and done again.
  give(folder);
}
