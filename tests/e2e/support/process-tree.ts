import { readdirSync, readFileSync } from "node:fs";

export interface ProcessSeen {
  pid: number;
  parent: number;
  command: string;
}

export function allProcesses(): ProcessSeen[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        // The second field, the name, may hold spaces and brackets: what counts comes after the last one.
        const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
        const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
        const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
        return state === "Z" ? [] : [{ pid: Number(pid), parent: Number(parent), command }];
      } catch {
        // Ended while being read.
        return [];
      }
    });
}

/** A process and everything that descends from it. */
export function treeOf(pid: number): ProcessSeen[] {
  const all = allProcesses();
  const inside = new Set([pid]);
  for (let before = 0; before !== inside.size;) {
    before = inside.size;
    for (const each of all) if (inside.has(each.parent)) inside.add(each.pid);
  }
  return all.filter((each) => inside.has(each.pid));
}

/** The one process below `pid` whose command line matches, closest to it: the order of pids says nothing once they begin anew. */
export function findBelow(pid: number, command: RegExp): number {
  const matching = treeOf(pid).filter((each) => each.pid !== pid && command.test(each.command));
  const found =
    matching.find(({ parent }) => parent === pid) ??
    matching.find(({ parent }) => !matching.some((other) => other.pid === parent));
  if (found === undefined)
    throw new Error(
      `no process like ${command} below ${pid}:\n${treeOf(pid)
        .map((each) => `${each.pid} ${each.command}`)
        .join("\n")}`,
    );
  return found.pid;
}
