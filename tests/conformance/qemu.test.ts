import { missingForMachines, openQemuHost } from "./qemu-host.ts";
import { describeRuntime } from "./suite/describe.ts";

describeRuntime("qemu", openQemuHost, {
  unavailable: missingForMachines(),
  skip: [
    {
      case: "the agent may come back: machines live on with their memory, sleepers sleep on, snapshots stay",
      reason:
        "within one process the former agent still holds the VMM's only control connection; tests/e2e kills the process instead",
    },
  ],
});
