import { openGvisorHost } from "./gvisor-host.ts";
import { missingForMachines } from "./qemu-host.ts";
import { allCases } from "./suite/cases/index.ts";
import { describeRuntime } from "./suite/describe.ts";

/**
 * One of eight runs saw a sentry of this build die of itself: that would make every tenth `npm test` fail for a bug that is not ours
 * to mend.
 */
const BY_ITSELF = process.env["PANDASTACK_TEST_DEBIAN_RUNSC"] === "1";
const NOT_ASKED = "npm run test:debian-runsc runs it";

/**
 * Debian's package, which set-up takes where it cannot build runsc: years older than ours. On copies of copies, where an older
 * build does most of what ours does differently.
 */
const DISKLESS = "no disks with a build that is not ours; files are in memory";
const OF_DISKS = new Set(["volumes", "lasting"]);

describeRuntime("gvisor of Debian", () => openGvisorHost("memory", { settings: { PANDASTACK_RUNSC: "debian" } }), {
  unavailable: BY_ITSELF ? missingForMachines() : NOT_ASKED,
  origins: ["forked"],
  skip: [
    ...allCases.filter(({ area }) => OF_DISKS.has(area)).map(({ name }) => ({ case: name, reason: DISKLESS })),
    { case: "the kernel makes identifiers", reason: "this kernel has no /proc/sys/kernel/random/uuid" },
  ],
});
