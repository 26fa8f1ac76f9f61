import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { hashParts } from "./hash.ts";

/**
 * Who uses what of a cache: `<cache>/users/<hash of the data folder>.json`, written at every start. A stopped server would be
 * unknown otherwise, and what only it needs be taken for rubbish.
 */
export interface CacheUser {
  readonly dataDir: string;
  /** `<kind>/<key>` of each entry. */
  readonly needs: readonly string[];
}

export function rememberUser(cacheDir: string, user: CacheUser): void {
  mkdirSync(join(cacheDir, "users"), { recursive: true, mode: 0o755 });
  writeFileSync(userFile(cacheDir, user.dataDir), `${JSON.stringify(user, undefined, 2)}\n`, { mode: 0o644 });
}

/** Those whose data folder is there still, and the records of those whose is not. */
export function readUsers(cacheDir: string): { users: CacheUser[]; stale: string[] } {
  const folder = join(cacheDir, "users");
  const names = existsSync(folder) ? readdirSync(folder) : [];
  const users: CacheUser[] = [];
  const stale: string[] = [];
  for (const name of names) {
    const path = join(folder, name);
    const user = readUser(path);
    if (user !== undefined && existsSync(user.dataDir)) users.push(user);
    else stale.push(path);
  }
  return { users, stale };
}

function readUser(path: string): CacheUser | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as CacheUser;
  } catch {
    // Cut off by a power cut: the next start writes it anew.
    return undefined;
  }
}

/** `<kind>/<key>` of every path below the cache that is named anywhere in `value`. */
export function entriesNamedIn(cacheDir: string, value: unknown): string[] {
  const found = new Set<string>();
  const look = (one: unknown): void => {
    if (typeof one === "string") {
      const [kind, key] = relative(cacheDir, one).split(sep);
      if (one.startsWith(cacheDir + sep) && kind !== undefined && key !== undefined) found.add(`${kind}/${key}`);
    } else if (typeof one === "object" && one !== null) for (const each of Object.values(one)) look(each);
  };
  look(value);
  return [...found];
}

const userFile = (cacheDir: string, dataDir: string): string => join(cacheDir, "users", `${hashParts(dataDir)}.json`);
