import { create, makeFolders, remove, rename } from "../fs/changes.ts";
import { exists, find, inodeOf, ROOT } from "../fs/lookup.ts";
import { KernelError } from "../world/errors.ts";
import { findGroup, findUser } from "../kernel/users.ts";
import type { Inode, World } from "../world/world.ts";
import { entryOf, normalise } from "./entry.ts";
import { path, text, user, type Operation } from "./operation.ts";
import { OperationError } from "./stream.ts";

export const stat: Operation = ({ kernel, stream }, args) => {
  const where = normalise(path(args));
  stream.ok(entryOf(kernel.world, find(kernel.world, where, ROOT, args["follow"] !== false), where));
};

export const mkdir: Operation = ({ kernel, stream }, args) => {
  const where = normalise(path(args));
  const who = user(kernel, args);
  const mode = typeof args["mode"] === "number" ? args["mode"] : 0o755;
  const existing = exists(kernel.world, where, ROOT);
  if (existing === undefined) {
    if (args["parents"] === false) create(kernel, where, ROOT, { kind: "dir", mode });
    else makeFolders(kernel, where, ROOT, mode);
    const made = find(kernel.world, where, ROOT);
    made.uid = who.uid;
    made.gid = who.gid;
  } else if (existing.kind !== "dir" || args["parents"] === false) throw new KernelError("EEXIST", where);
  stream.ok({ ...entryOf(kernel.world, find(kernel.world, where, ROOT), where), created: existing === undefined });
};

export const move: Operation = ({ kernel, stream }, args) => {
  rename(kernel, normalise(path(args, "from")), normalise(path(args, "to")), ROOT, args["overwrite"] !== false);
  stream.ok({});
};

export const removePath: Operation = ({ kernel, stream }, args) => {
  const where = normalise(path(args));
  if (args["missing_ok"] === true && exists(kernel.world, where, ROOT, false) === undefined) return stream.ok({});
  remove(kernel, where, ROOT, { recursive: args["recursive"] === true });
  stream.ok({});
};

function eachInode(world: World, inode: Inode, recursive: boolean, act: (inode: Inode) => void): void {
  act(inode);
  if (recursive) for (const ino of inode.entries.values()) eachInode(world, inodeOf(world, ino), true, act);
}

export const chmod: Operation = ({ kernel, stream }, args) => {
  const mode = args["mode"];
  if (typeof mode !== "number") throw new OperationError("bad_request", "mode must be a number");
  eachInode(kernel.world, find(kernel.world, path(args), ROOT), args["recursive"] === true, (inode) => {
    inode.mode = mode & 0o7777;
    kernel.changed({ kind: "chmod", inode });
  });
  stream.ok({});
};

export const chown: Operation = ({ kernel, stream }, args) => {
  const owner = args["user"] === undefined ? undefined : findUser(kernel.world, text(args, "user"));
  if (args["user"] !== undefined && owner === undefined)
    throw new OperationError("user_not_found", `no user ${text(args, "user")}`);
  const group = args["group"] === undefined ? undefined : findGroup(kernel.world, text(args, "group"));
  if (args["group"] !== undefined && group === undefined)
    throw new OperationError("user_not_found", `no group ${text(args, "group")}`);
  eachInode(kernel.world, find(kernel.world, path(args), ROOT), args["recursive"] === true, (inode) => {
    inode.uid = owner?.uid ?? inode.uid;
    inode.gid = group ?? inode.gid;
    kernel.changed({ kind: "chmod", inode });
  });
  stream.ok({});
};

export const xattrGet: Operation = ({ kernel, stream }, args) => {
  const value = find(kernel.world, path(args), ROOT).xattrs.get(text(args, "name"));
  if (value === undefined) throw new OperationError("not_found", `${path(args)}: no attribute ${text(args, "name")}`);
  stream.ok({ value });
};

export const xattrSet: Operation = ({ kernel, stream }, args) => {
  if (!/^(user|trusted|security)\./.test(text(args, "name")))
    throw new OperationError("unsupported", "only user., trusted. and security. attributes");
  find(kernel.world, path(args), ROOT).xattrs.set(text(args, "name"), text(args, "value"));
  stream.ok({});
};

export const xattrList: Operation = ({ kernel, stream }, args) => {
  stream.ok({ names: [...find(kernel.world, path(args), ROOT).xattrs.keys()].sort() });
};

export const xattrRemove: Operation = ({ kernel, stream }, args) => {
  if (!find(kernel.world, path(args), ROOT).xattrs.delete(text(args, "name"))) {
    throw new OperationError("not_found", `${path(args)}: no attribute ${text(args, "name")}`);
  }
  stream.ok({});
};
