import { allCases } from "./suite/cases/index.ts";
import { openGvisorHost } from "./gvisor-host.ts";
import { missingForMachines } from "./qemu-host.ts";
import { describeRuntime } from "./suite/describe.ts";

const DISKLESS = "a gVisor sandbox's files are in its memory: no disk outlives it, and volumes are refused";
const OF_DISKS = new Set(["volumes", "lasting"]);

describeRuntime("gvisor", openGvisorHost, {
  unavailable: missingForMachines(),
  skip: [...allCases.filter(({ area }) => OF_DISKS.has(area)).map(({ name }) => ({ case: name, reason: DISKLESS }))],
});
