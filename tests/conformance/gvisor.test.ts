import { allCases } from "./suite/cases/index.ts";
import { openGvisorHost } from "./gvisor-host.ts";
import { missingForMachines } from "./qemu-host.ts";
import { describeRuntime } from "./suite/describe.ts";

const DISKLESS = "files are in memory here; gvisor-disk.test.ts has sandboxes with disks";
const OF_DISKS = new Set(["volumes", "lasting"]);

describeRuntime("gvisor", () => openGvisorHost(), {
  unavailable: missingForMachines(),
  skip: [...allCases.filter(({ area }) => OF_DISKS.has(area)).map(({ name }) => ({ case: name, reason: DISKLESS }))],
});
