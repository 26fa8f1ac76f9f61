/** What a machine is limited in. `io` is called `blkio` in version 1. */
export const CONTROLLERS = ["cpu", "memory", "pids", "io"] as const;
export type Controller = (typeof CONTROLLERS)[number];

/** A mounted tree of cgroups and those of our controllers that it has. Version 2 is one tree; version 1 one for each mount. */
export interface Hierarchy {
  readonly version: 1 | 2;
  readonly mount: string;
  readonly controllers: readonly Controller[];
}

const V1_NAMES: Readonly<Record<string, Controller>> = { cpu: "cpu", memory: "memory", pids: "pids", blkio: "io" };

/**
 * What is mounted, by the text of /proc/self/mountinfo: version 1, version 2, or both side by side, as hybrid hosts have it. Each
 * controller is in one tree only; `readControllers` answers the words of a version 2 tree's `cgroup.controllers`.
 */
export function findHierarchies(mountinfo: string, readControllers: (mount: string) => readonly string[]): Hierarchy[] {
  const taken = new Set<Controller>();
  const found: Hierarchy[] = [];
  const add = (version: 1 | 2, mount: string, names: readonly (Controller | undefined)[]): void => {
    const controllers = names.filter((name) => name !== undefined).filter((name) => !taken.has(name));
    for (const name of controllers) taken.add(name);
    if (controllers.length > 0) found.push({ version, mount, controllers });
  };
  for (const line of mountinfo.split("\n")) {
    const [left, right] = line.split(" - ");
    const mount = left?.split(" ")[4];
    const [type, , options] = right?.split(" ") ?? [];
    if (mount === undefined) continue;
    if (type === "cgroup")
      add(
        1,
        mount,
        (options ?? "").split(",").map((name) => V1_NAMES[name]),
      );
    if (type === "cgroup2") {
      const has = new Set(readControllers(mount));
      add(
        2,
        mount,
        CONTROLLERS.filter((name) => has.has(name)),
      );
    }
  }
  return found;
}
