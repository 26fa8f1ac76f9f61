import { writeFileSync } from "node:fs";
import { LET_GO_OF_POOLS } from "../../../host-agent/src/pool/let-go-of-pools.ts";

/**
 * PostgreSQL refuses to be root, and its own user can't reach a cluster inside a folder that only root may enter. So it gets a
 * mount namespace in which the cluster is mounted at a place it can reach; nowhere else does that mount exist.
 */
export interface Jail {
  /** The cluster's folder on disk. */
  readonly cluster: string;
  readonly mountPoint: string;
  /** Its /etc/passwd: initdb wants a name for its uid, and peer authentication one for each caller. */
  readonly passwd: string;
  readonly uid: number;
}

/** Constant: everything that varies comes as an argument. */
const ENTER = `mount --bind "$1" "$2" && mount --bind "$3" /etc/passwd || exit 1; ${LET_GO_OF_POOLS}; shift 3; exec setpriv "$@"`;

/** Arguments of `unshare` that run a program in the jail, in place of unshare's own process. */
export function jailArguments(jail: Jail, program: string, args: readonly string[]): string[] {
  const user = [`--reuid=${jail.uid}`, `--regid=${jail.uid}`, "--clear-groups"];
  const nothingMore = ["--inh-caps=-all", "--bounding-set=-all", "--no-new-privs"];
  return [
    "--mount",
    "--propagation=slave",
    "--",
    ...["sh", "-c", ENTER, "sh", jail.cluster, jail.mountPoint, jail.passwd],
    ...user,
    ...nothingMore,
    "--",
    program,
    ...args,
  ];
}

export function writeUsers(file: string, users: Readonly<Record<string, number>>): void {
  const lines = Object.entries(users).map(([name, uid]) => `${name}:x:${uid}:${uid}::/:/usr/sbin/nologin\n`);
  writeFileSync(file, lines.join(""), { mode: 0o644 });
}
