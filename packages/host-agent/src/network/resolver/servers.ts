import { readFileSync, statSync } from "node:fs";
import { isIP } from "node:net";
import { MAX_SERVERS, RESOLV_CONF_CHECK_MS } from "./limits.ts";

/** systemd-resolved also answers with names of the host's /etc/hosts. The servers behind it are written here. */
const RESOLVED_STUBS = new Set(["127.0.0.53", "127.0.0.54"]);
const BEHIND_RESOLVED = "/run/systemd/resolve/resolv.conf";

/** Name servers in the text of a resolv.conf. */
export function parseNameServers(text: string): string[] {
  return text
    .split("\n")
    .map((line) => /^\s*nameserver\s+(\S+)/.exec(line)?.[1] ?? "")
    .filter((address) => isIP(address.split("%")[0] ?? "") !== 0)
    .slice(0, MAX_SERVERS);
}

/** The host's name servers, read again when the file has changed. */
export class NameServers {
  private readonly path: string;
  private readonly now: () => number;
  private servers: readonly string[] = [];
  private stamp = "";
  private checkedAtMs = Number.NEGATIVE_INFINITY;

  constructor(path: string, now: () => number = () => performance.now()) {
    this.path = path;
    this.now = now;
  }

  /** In the order in which they are asked. Empty when the host has none. */
  current(): readonly string[] {
    if (this.now() - this.checkedAtMs < RESOLV_CONF_CHECK_MS) return this.servers;
    this.checkedAtMs = this.now();
    const stamp = [this.path, BEHIND_RESOLVED].map(stampOf).join();
    if (stamp !== this.stamp) {
      this.stamp = stamp;
      this.servers = this.read();
    }
    return this.servers;
  }

  private read(): string[] {
    const servers = readServers(this.path);
    if (servers.length === 0 || !servers.every((server) => RESOLVED_STUBS.has(server))) return servers;
    const behind = readServers(BEHIND_RESOLVED);
    return behind.length > 0 ? behind : servers;
  }
}

function readServers(path: string): string[] {
  try {
    return parseNameServers(readFileSync(path, "utf8"));
  } catch {
    return [];
  }
}

/** Changes when the file does, also when it is replaced by another of the same age. */
function stampOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false, bigint: true });
  return stat ? `${stat.ino}:${stat.mtimeNs}:${stat.size}` : "";
}
