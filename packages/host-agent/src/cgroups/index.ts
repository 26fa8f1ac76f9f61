export { Cgroups, type CgroupStatus } from "./cgroups.ts";
export type { MachineCgroup } from "./machine-cgroup.ts";
export { openCgroups } from "./open.ts";
