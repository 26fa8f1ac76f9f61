import { makeFolders } from "../fs/changes.ts";
import { exists, inodeOf, ROOT } from "../fs/lookup.ts";
import { loadVolume, saveVolumes } from "../volumes.ts";
import { path, text, type Operation, type OperationContext } from "./operation.ts";
import { OperationError } from "./stream.ts";

export const mountVolume: Operation = ({ kernel, stream }, args) => {
  const { world } = kernel;
  const volume = driveOf({ kernel }, text(args, "device"));
  if (volume.mount !== null) throw new OperationError("io_error", "already mounted");
  const folder = makeFolders(kernel, path(args), ROOT, 0o755);
  if (folder.device === "mount") throw new OperationError("io_error", "something is mounted there");
  for (const ino of folder.entries.values()) {
    // What was in the folder is covered; nobody of the fake's takes a volume away again and looks.
    inodeOf(world, ino).isUnlinked = true;
  }
  folder.entries.clear();
  loadVolume(world, volume.file, folder);
  folder.device = "mount";
  folder.inMemory = true;
  volume.mount = folder.ino;
  volume.readOnly = args["read_only"] === true;
  stream.ok({});
};

export const unmountVolume: Operation = ({ kernel, stream }, args) => {
  const folder = exists(kernel.world, path(args), ROOT);
  const volume = [...kernel.world.volumes.values()].find((one) => one.mount === folder?.ino);
  if (folder === undefined || volume === undefined) throw new OperationError("bad_request", "nothing is mounted there");
  saveVolumes(kernel.world);
  for (const ino of folder.entries.values()) inodeOf(kernel.world, ino).isUnlinked = true;
  folder.entries.clear();
  folder.device = "";
  volume.mount = null;
  stream.ok({});
};

export const makeVolumeReadOnly: Operation = ({ kernel, stream }, args) => {
  driveOf({ kernel }, text(args, "device")).readOnly = true;
  stream.ok({});
};

export const syncVolume: Operation = ({ kernel, stream }) => {
  saveVolumes(kernel.world);
  stream.ok({});
};

/** A fake file system has all of its device at any time. */
export const growVolume: Operation = ({ kernel, stream }, args) => {
  driveOf({ kernel }, text(args, "device"));
  stream.ok({});
};

function driveOf({ kernel }: Pick<OperationContext, "kernel">, device: string) {
  const volume = kernel.world.volumes.get(device);
  if (volume === undefined) throw new OperationError("not_found", `${device}: there is nothing in this drive`);
  return volume;
}
