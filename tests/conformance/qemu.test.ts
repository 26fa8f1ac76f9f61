import { missingForMachines, openQemuHost } from "./qemu-host.ts";
import { describeRuntime } from "./suite/describe.ts";

describeRuntime("qemu", openQemuHost, { unavailable: missingForMachines() });
