import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { listServers } from "../../../../host-agent/src/network/leases/servers.ts";
import { readUsers } from "../../cache/users.ts";

/** Leases of servers that run, or were killed: a stop gives them back. */
export function leasedServers(runRoot: string): { id: string; dataDir: string }[] {
  const folder = join(runRoot, "identities");
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .flatMap((name) => {
      try {
        const { id, dataDir } = JSON.parse(readFileSync(join(folder, name), "utf8")) as { id: string; dataDir: string };
        return [{ id, dataDir }];
      } catch {
        // Given back while we looked.
        return [];
      }
    });
}

/** Every data folder that this host is known to have, whether a server runs on it or not. */
export function knownDataDirs(options: { runRoot: string; cacheDir: string; more: readonly string[] }): string[] {
  const all = [
    ...leasedServers(options.runRoot).map(({ dataDir }) => dataDir),
    ...listServers(options.runRoot).flatMap(({ dataDir }) => dataDir ?? []),
    ...readUsers(options.cacheDir).users.map(({ dataDir }) => dataDir),
    ...options.more,
  ];
  return [...new Set(all)].filter((dataDir) => existsSync(dataDir));
}
