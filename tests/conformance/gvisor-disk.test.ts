import { allCases } from "./suite/cases/index.ts";
import { openGvisorHost } from "./gvisor-host.ts";
import { missingForMachines } from "./qemu-host.ts";
import { describeRuntime } from "./suite/describe.ts";

/** What a disk makes different. The rest is the sentry's, and `gvisor.test.ts` has it. */
const OF_DISKS = new Set(["volumes", "lasting", "snapshot", "fork", "hibernate"]);

const NO_VOLUMES = "a gVisor sandbox takes no volumes";
const WITH_VOLUMES = [
  "a persistent sandbox whose machine dies starts again from its disk, as itself, with its volumes",
  "a sandbox that has failed can be woken, and has what it had written to its disk",
  "where memory cannot be restored any more, sleepers and snapshots start from their disks",
  "after a restart of the host persistent sandboxes come back when they are used; of the others only sleepers",
  ...allCases.filter(({ area }) => area === "volumes").map(({ name }) => name),
];

describeRuntime("gvisor with disks", () => openGvisorHost("disk"), {
  areas: OF_DISKS,
  origins: ["fresh"],
  unavailable: missingForMachines(),
  skip: WITH_VOLUMES.map((name) => ({ case: name, reason: NO_VOLUMES })),
});
