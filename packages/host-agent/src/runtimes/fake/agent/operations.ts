import { attachCommand, exec, listCommands, signalCommand } from "./commands.ts";
import {
  chmod,
  chown,
  mkdir,
  move,
  removePath,
  stat,
  xattrGet,
  xattrList,
  xattrRemove,
  xattrSet,
} from "./file-changes.ts";
import { list, readFile, writeFile } from "./file-streams.ts";
import { listPorts, metrics, quiesce, setClock, shutdown } from "./machine.ts";
import type { Operation } from "./operation.ts";
import { connectTcp } from "./tcp.ts";
import { growVolume, makeVolumeReadOnly, mountVolume, syncVolume, unmountVolume } from "./volumes.ts";
import { watch } from "./watch.ts";

/** Every operation of docs/guest-protocol.md, by name. */
export const operations: Record<string, Operation> = {
  exec,
  "proc.list": listCommands,
  "proc.attach": attachCommand,
  "proc.signal": signalCommand,
  "fs.read": readFile,
  "fs.write": writeFile,
  "fs.list": list,
  "fs.stat": stat,
  "fs.mkdir": mkdir,
  "fs.move": move,
  "fs.remove": removePath,
  "fs.chmod": chmod,
  "fs.chown": chown,
  "fs.xattr.get": xattrGet,
  "fs.xattr.set": xattrSet,
  "fs.xattr.list": xattrList,
  "fs.xattr.remove": xattrRemove,
  "fs.watch": watch,
  "tcp.connect": connectTcp,
  ports: listPorts,
  metrics,
  "clock.set": setClock,
  quiesce,
  shutdown,
  "volume.mount": mountVolume,
  "volume.unmount": unmountVolume,
  "volume.read_only": makeVolumeReadOnly,
  "volume.sync": syncVolume,
  "volume.grow": growVolume,
};
