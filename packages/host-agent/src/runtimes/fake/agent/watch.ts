import type { Change } from "../fs/changes.ts";
import { find, pathOf, ROOT } from "../fs/lookup.ts";
import { normalise } from "./entry.ts";
import { path, type Operation } from "./operation.ts";

/** More than this unsent: the host is told that it missed some, as inotify's queue does. */
const MAX_QUEUED = 16_384;

export const watch: Operation = ({ agent, kernel, stream }, args) => {
  const where = normalise(path(args));
  const root = pathOf(kernel.world, find(kernel.world, where, ROOT));
  const isRecursive = args["recursive"] === true;
  let queue: Record<string, unknown>[] = [];

  const isInside = (changed: string): boolean => {
    if (changed === root) return true;
    const prefix = root === "/" ? "/" : `${root}/`;
    return changed.startsWith(prefix) && (isRecursive || !changed.slice(prefix.length).includes("/"));
  };
  // The path as the watcher knows it, which may lead through a symbolic link.
  const shown = (real: string): string => (where === root ? real : where + real.slice(root === "/" ? 0 : root.length));

  const heard = (change: Change): void => {
    const at = pathOf(kernel.world, change.inode);
    const isHere = isInside(at);
    const wasHere = change.from !== undefined && isInside(change.from);
    if (!isHere && !wasHere) return;
    const event = {
      event: "change",
      kind: change.kind as string,
      path: shown(at),
      is_dir: change.inode.kind === "dir",
    };
    if (change.kind === "rename") {
      if (isHere && wasHere) Object.assign(event, { from: shown(change.from) });
      else if (isHere) event.kind = "create";
      else Object.assign(event, { kind: "remove", path: shown(change.from!) });
    }
    // Writes in a row are one event until it is sent, as inotify merges them.
    const last = queue.at(-1);
    if (last !== undefined && last["kind"] === event.kind && last["path"] === event.path && event.kind === "write")
      return;
    if (queue.length < MAX_QUEUED) queue.push(event);
    else queue = [{ event: "overflow" }];
    kernel.wake();
  };
  const stop = (): void => void agent.watchers.delete(heard);
  agent.watchers.add(heard);
  stream.listener = {
    cancel: stop,
    lost: stop,
    pump: () => {
      const ready = queue;
      queue = [];
      for (const event of ready) stream.event(event);
      return ready.length > 0;
    },
  };
  stream.event({ event: "ready" });
};
