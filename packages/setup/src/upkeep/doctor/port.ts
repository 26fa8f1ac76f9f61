import { readFileSync, readdirSync, readlinkSync } from "node:fs";
import { parseListenAddress } from "../../supervisor/listen-address.ts";
import { type Finding, ok, problem } from "./finding.ts";

export interface Listener {
  readonly pid: number;
  readonly command: string;
}

/** Who listens on a TCP port of this machine. `undefined`: nobody; without a process: one that may not be looked into. */
export function listenerOn(port: number): Partial<Listener> | undefined {
  const inodes = new Set(["/proc/net/tcp", "/proc/net/tcp6"].flatMap((table) => inodesOf(table, port)));
  if (inodes.size === 0) return undefined;
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name)))
    if (socketsOf(pid).some((inode) => inodes.has(inode))) return { pid: Number(pid), command: commandOf(pid) };
  return {};
}

/** Format: https://docs.kernel.org/networking/proc_net_tcp.html; state 0A listens. */
function inodesOf(table: string, port: number): string[] {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  return readOrNothing(table)
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1]?.endsWith(`:${hex}`) === true && fields[3] === "0A")
    .map((fields) => fields[9] ?? "");
}

function socketsOf(pid: string): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      const [, inode] = /^socket:\[(\d+)\]$/.exec(linkOrNothing(`/proc/${pid}/fd/${fd}`)) ?? [];
      return inode === undefined ? [] : [inode];
    });
  } catch {
    return [];
  }
}

const commandOf = (pid: string): string =>
  readOrNothing(`/proc/${pid}/cmdline`).replaceAll("\0", " ").trim().slice(0, 80);

/** Whatever ends while it is looked at says nothing. */
function readOrNothing(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
function linkOrNothing(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

/** Whether the server's port is its own, or free for it. */
export function examinePort(listen: string, isOurs: (listener: Partial<Listener>) => boolean): Finding {
  let port: number;
  try {
    port = parseListenAddress(listen).port;
  } catch (error) {
    return problem("port", `PANDASTACK_LISTEN is "${listen}"`, error instanceof Error ? error.message : String(error));
  }
  const listener = listenerOn(port);
  if (listener === undefined) return ok("port", `${listen} is free`);
  const who = listener.pid === undefined ? "a process" : `process ${listener.pid} (${listener.command})`;
  if (isOurs(listener)) return ok("port", `${listen} is this server's`);
  return problem("port", `${who} listens on ${listen}`, "Stop it, or choose another address with PANDASTACK_LISTEN.");
}
