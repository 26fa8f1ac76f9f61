import type { HostCommand } from "@pandastack/contracts/host";
import type { Answering } from "../commit.ts";
import type { HostContext } from "../context.ts";
import { createSandbox } from "./create.ts";
import { deleteSandbox, deleteSnapshot } from "./delete.ts";
import { forkSandbox } from "./fork.ts";
import { hibernateSandbox } from "./hibernate.ts";
import { pauseSandbox, resumeSandbox } from "./pause.ts";
import { setNetwork } from "./set-network.ts";
import { setPersistent } from "./set-persistent.ts";
import { createSnapshot } from "./snapshot.ts";
import { cloneVolume, createVolume, deleteVolume, growVolume } from "./volumes.ts";
import { wakeSandbox } from "./wake.ts";

/** Each command's own file, by its name. */
export function perform(context: HostContext, command: HostCommand, answering: Answering): Promise<unknown> {
  switch (command.name) {
    case "createSandbox":
      return createSandbox(context, command, answering);
    case "deleteSandbox":
      return deleteSandbox(context, command.sandboxId, answering);
    case "pauseSandbox":
      return pauseSandbox(context, command.sandboxId, answering);
    case "resumeSandbox":
      return resumeSandbox(context, command.sandboxId, answering);
    case "hibernateSandbox":
      return hibernateSandbox(context, command, answering);
    case "wakeSandbox":
      return wakeSandbox(context, command.sandboxId, answering);
    case "setPersistent":
      return setPersistent(context, command, answering);
    case "setNetwork":
      return setNetwork(context, command, answering);
    case "createSnapshot":
      return createSnapshot(context, command, answering);
    case "deleteSnapshot":
      return deleteSnapshot(context, command.snapshotId, answering);
    case "forkSandbox":
      return forkSandbox(context, command, answering);
    case "createVolume":
      return createVolume(context, command, answering);
    case "cloneVolume":
      return cloneVolume(context, command, answering);
    case "growVolume":
      return growVolume(context, command, answering);
    case "deleteVolume":
      return deleteVolume(context, command.volumeId, answering);
  }
}
