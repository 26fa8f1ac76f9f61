import { readFileSync } from "node:fs";
import { openGvisorHost } from "./gvisor-host.ts";
import { missingForMachines } from "./qemu-host.ts";
import { describeRuntime } from "./suite/describe.ts";

const CAP_SYS_RESOURCE = 24n;

/** Whether this process has what the kernel asks for to grow a file system that is mounted. Some containers have not. */
function mayGrowMounted(): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0";
  return ((BigInt(`0x${effective}`) >> CAP_SYS_RESOURCE) & 1n) === 1n;
}

const MAY_NOT_GROW = "root has no CAP_SYS_RESOURCE here, and so may not grow a file system that is mounted";

/** What a disk makes different. The rest is the sentry's, and `gvisor.test.ts` has it. */
describeRuntime("gvisor with disks", () => openGvisorHost("disk"), {
  areas: new Set(["volumes", "lasting", "snapshot", "fork", "hibernate"]),
  origins: ["fresh"],
  unavailable: missingForMachines(),
  skip: mayGrowMounted()
    ? []
    : [{ case: "a volume grows while it is written to, and never shrinks", reason: MAY_NOT_GROW }],
});
