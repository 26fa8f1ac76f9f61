import { makeFolders, openForWriting } from "../fs/changes.ts";
import { readInode, writeInode } from "../fs/devices.ts";
import { dropIfUnused, newInode } from "../fs/inodes.ts";
import { exists, find, findPlace, inodeOf, ROOT } from "../fs/lookup.ts";
import { KernelError, protocolCode } from "../world/errors.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Inode } from "../world/world.ts";
import { entryOf, normalise } from "./entry.ts";
import { path, user, type Operation, type OperationContext } from "./operation.ts";
import type { GuestStream } from "./stream.ts";

const CHUNK_BYTES = 65_536;
const MAX_DEPTH = 32;

/** Sends what `next` makes as credit allows, then `done`. */
function send(stream: GuestStream, next: (max: number) => Buffer | undefined, done: () => void): void {
  stream.listener = {
    pump: () => {
      let hasMoved = false;
      for (let i = 0; i < 4 && !stream.isOver; i++) {
        const room = Math.min(CHUNK_BYTES, stream.credit(1));
        if (room <= 0) return hasMoved;
        const data = next(room);
        if (data === undefined) {
          done();
          return true;
        }
        stream.data(1, data);
        hasMoved = true;
      }
      return hasMoved;
    },
  };
}

export const readFile: Operation = ({ kernel, stream }, args) => {
  const where = normalise(path(args));
  const inode = find(kernel.world, where, ROOT);
  if (inode.kind === "dir") throw new KernelError("EISDIR", where);
  const start = typeof args["offset"] === "number" ? args["offset"] : 0;
  const length = typeof args["length"] === "number" ? args["length"] : Infinity;
  stream.event({ event: "stat", entry: entryOf(kernel.world, inode, where) });
  let sent = 0;
  inode.opens++;
  const close = (): void => {
    inode.opens--;
    dropIfUnused(kernel.world, inode);
  };
  send(
    stream,
    (max) => {
      const data = readInode(kernel.world, kernel, inode, start + sent, Math.min(max, length - sent));
      sent += data.length;
      return data.length === 0 ? undefined : Buffer.from(data);
    },
    () => {
      close();
      stream.end(1);
      stream.ok({ bytes: sent });
    },
  );
  stream.listener.lost = close;
  stream.listener.cancel = close;
};

export const list: Operation = ({ kernel, stream }, args) => {
  const where = normalise(path(args));
  const folder = find(kernel.world, where, ROOT);
  if (folder.kind !== "dir") throw new KernelError("ENOTDIR", where);
  const depth = Math.min(typeof args["depth"] === "number" ? args["depth"] : 1, MAX_DEPTH);
  const lines: string[] = [];
  const visit = (inode: Inode, at: string, left: number): void => {
    for (const [name, ino] of [...inode.entries].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const child = inodeOf(kernel.world, ino);
      const childPath = at === "/" ? `/${name}` : `${at}/${name}`;
      lines.push(`${JSON.stringify(entryOf(kernel.world, child, childPath))}\n`);
      if (child.kind === "dir" && left > 1) visit(child, childPath, left - 1);
    }
  };
  visit(folder, where, depth);
  let rest = Buffer.from(lines.join(""));
  send(
    stream,
    (max) => {
      const data = rest.subarray(0, max);
      rest = rest.subarray(data.length);
      return data.length === 0 ? undefined : data;
    },
    () => {
      stream.end(1);
      stream.ok({ count: lines.length });
    },
  );
};

/** Collects into a file without a name and gives it the path at the end: a writer that is lost leaves the old content. */
export const writeFile: Operation = (context, args) => {
  const { kernel, stream } = context;
  const where = normalise(path(args));
  const who = user(kernel, args);
  const parent = where.slice(0, where.lastIndexOf("/")) || "/";
  if (args["parents"] !== false && exists(kernel.world, parent, ROOT) === undefined)
    makeFolders(kernel, parent, ROOT, 0o755);
  const { node } = findPlace(kernel.world, where, ROOT);
  if (node?.kind === "dir") throw new KernelError("EISDIR", where);
  const isInPlace =
    args["append"] === true ||
    typeof args["offset"] === "number" ||
    (node !== undefined && (node.kind !== "file" || node.device !== ""));
  const mode = typeof args["mode"] === "number" ? args["mode"] : undefined;
  const target = isInPlace
    ? openInPlace(kernel, where, who, mode, node === undefined)
    : newInode(kernel.world, "file", {
        mode: mode ?? node?.mode ?? 0o644,
        uid: node?.uid ?? who.uid,
        gid: node?.gid ?? who.gid,
        nowMs: kernel.now(),
        inMemory: false,
      });
  if (!isInPlace) target.isUnlinked = true;
  target.opens++;
  const start = args["append"] === true ? target.size : typeof args["offset"] === "number" ? args["offset"] : 0;
  receive(context, target, start, (bytes) => {
    if (!isInPlace) replace(kernel, target, where);
    else kernel.changed({ kind: "write", inode: target });
    target.mtimeMs = kernel.now();
    stream.ok({ path: where, bytes });
  });
};

function openInPlace(
  kernel: Kernel,
  where: string,
  who: { uid: number; gid: number },
  mode: number | undefined,
  isNew: boolean,
): Inode {
  const inode = openForWriting(kernel, where, ROOT, { truncate: false, mode: mode ?? 0o644 });
  if (isNew) {
    inode.uid = who.uid;
    inode.gid = who.gid;
  }
  return inode;
}

function receive(
  { kernel, stream }: OperationContext,
  target: Inode,
  start: number,
  done: (bytes: number) => void,
): void {
  let bytes = 0;
  const close = (): void => {
    target.opens--;
    dropIfUnused(kernel.world, target);
  };
  const attempt = (act: () => void): void => {
    try {
      act();
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      close();
      stream.error(protocolCode(error.errno), error.message);
    }
  };
  stream.listener = {
    data: (_channel, data) =>
      attempt(() => {
        writeInode(target, start + bytes, data);
        bytes += data.length;
        stream.consumed(0, data.length);
      }),
    end: () =>
      attempt(() => {
        done(bytes);
        close();
      }),
    cancel: close,
    lost: close,
  };
}

/** The collected file takes the place of what is there, through symbolic links, as one change. */
function replace(kernel: Kernel, inode: Inode, where: string): void {
  const { folder, name, node } = findPlace(kernel.world, where, ROOT);
  if (node !== undefined) {
    node.isUnlinked = true;
    dropIfUnused(kernel.world, node);
  }
  folder.entries.set(name, inode.ino);
  inode.parent = folder.ino;
  inode.name = name;
  inode.inMemory = folder.inMemory;
  inode.isUnlinked = false;
  if (node === undefined) kernel.changed({ kind: "create", inode });
  kernel.changed({ kind: "write", inode });
}
