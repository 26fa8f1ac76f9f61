import { badImage, shown } from "./failures.ts";
import type { EntryKind, TarEntry } from "./tar/index.ts";

/** Links that are followed on the way to one place: as many as Linux follows. */
const LINKS_LIMIT = 40;
/** Of all layers together: each is an object in memory. Large distributions have 300,000 files. */
export const ENTRIES_LIMIT = 500_000;
/** Linux' limits of a name. */
const NAME_LIMIT_BYTES = 255;

const WHITEOUT = ".wh.";
const OPAQUE = ".wh..wh..opq";
const WHITEOUT_OWN = ".wh..wh.";

/** Devices that every root file system of a container has a use for; they are there without being unpacked. */
const USUAL_DEVICES = new Set(["1:3", "1:5", "1:7", "1:8", "1:9", "5:0", "5:1", "5:2", "4:0", "4:1", "10:229"]);

/** What lies at a place, or at several: the places of hard links share it. */
export interface Inode {
  readonly kind: Exclude<EntryKind, "link" | "char" | "block">;
  readonly size: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: number;
  /** Of a symbolic link. */
  readonly target: string;
  /** Where a file's content is: the layer, and the entry's number in it. -1: it has none of its own. */
  readonly layer: number;
  readonly index: number;
}

interface Place {
  inode: Inode;
  /** Of a folder. */
  readonly children: Map<string, Place>;
  /** The layer that put it here, or something below it. */
  layer: number;
}

type Header = Pick<TarEntry, "path" | "kind" | "size" | "mode" | "uid" | "gid" | "mtime" | "target" | "device">;

const folder = (layer: number): Inode => ({
  kind: "dir",
  size: 0,
  mode: 0o755,
  uid: 0,
  gid: 0,
  mtime: 0,
  target: "",
  layer,
  index: -1,
});

/**
 * The files of an image, as its layers one after the other make them; what they are, not what is in them. Nothing is unpacked for
 * it: a path that leads out through `..` is refused, and a link leads within this tree wherever it says.
 */
export class ImageTree {
  readonly #root: Place = { inode: folder(-1), children: new Map(), layer: -1 };
  #entries = 0;

  /** `isLayer`: names that begin with `.wh.` take away what lower layers have. */
  add(header: Header, layer: number, index: number, isLayer: boolean): void {
    if (++this.#entries > ENTRIES_LIMIT)
      throw badImage(`there are more than ${ENTRIES_LIMIT.toLocaleString("en")} files in it`);
    const names = namesOf(header.path);
    const name = names.pop();
    if (name === undefined) {
      if (header.kind === "dir") this.#root.inode = inodeOf(header, "dir", layer, index);
      return;
    }
    // Some tools keep books of their own under such names.
    if (isLayer && names.some((one) => one.startsWith(WHITEOUT))) return;
    if (isLayer && name.startsWith(WHITEOUT)) return this.#takeAway(names, name, layer, header.path);
    const inode = this.#inodeFor(header, layer, index);
    if (inode === undefined) return;
    const parent = this.#folderAt(names, layer, header.path);
    const there = parent.children.get(name);
    if (there !== undefined && there.inode.kind === "dir" && inode.kind === "dir") {
      there.inode = inode;
      there.layer = layer;
    } else parent.children.set(name, { inode, children: new Map(), layer });
  }

  #inodeFor(header: Header, layer: number, index: number): Inode | undefined {
    const { kind, path, target, device } = header;
    if (kind === "char" || kind === "block") {
      if (kind === "char" && USUAL_DEVICES.has(device.join(":"))) return undefined;
      throw badImage(`${shown(path)} is a device (${kind} ${device.join(":")}), which no template can have`);
    }
    if (kind !== "link") return inodeOf(header, kind, layer, index);
    const place = this.#at(namesOf(target), false, 0);
    if (place === undefined || place.inode.kind === "dir")
      throw badImage(`${shown(path)} is a hard link to ${shown(target)}, which is ${place ? "a folder" : "not there"}`);
    return place.inode;
  }

  /** Only what lower layers have: what this one brings stays, wherever in it the whiteout stands. */
  #takeAway(names: string[], name: string, layer: number, path: string): void {
    if (name !== OPAQUE && name.startsWith(WHITEOUT_OWN)) return;
    const hidden = name.slice(WHITEOUT.length);
    if (name !== OPAQUE && (hidden === "" || hidden === "." || hidden === ".."))
      throw badImage(`${shown(path)} takes away nothing that could be there`);
    const parent = name === OPAQUE ? this.#folderAt(names, layer, path) : this.#at(names, true, 0);
    if (parent === undefined) return;
    if (name === OPAQUE) removeBelow(parent, layer);
    else if (parent.children.has(hidden)) removeOlder(parent, hidden, layer);
  }

  /** A folder that is there, or is made for what lies in it. */
  #folderAt(names: readonly string[], layer: number, path: string): Place {
    let place = this.#root;
    for (const [index, name] of names.entries()) {
      let next = place.children.get(name);
      if (next?.inode.kind === "symlink") {
        next = this.#at(names.slice(0, index + 1), true, 0, path);
        if (next === undefined) throw badImage(`${shown(path)} lies behind a link that leads nowhere`);
      }
      if (next === undefined) {
        next = { inode: folder(layer), children: new Map(), layer };
        place.children.set(name, next);
      }
      if (next.inode.kind !== "dir") throw badImage(`${shown(path)} lies in ${shown(name)}, which is no folder`);
      next.layer = layer;
      place = next;
    }
    return place;
  }

  /** Undefined: nothing is there. */
  #at(names: readonly string[], follow: boolean, links: number, path = names.join("/")): Place | undefined {
    const trail: Place[] = [this.#root];
    for (const [index, name] of names.entries()) {
      if (name === "..") {
        if (trail.length > 1) trail.pop();
        continue;
      }
      const place = trail.at(-1)!.children.get(name);
      const isLast = index === names.length - 1;
      if (place?.inode.kind !== "symlink" || (isLast && !follow)) {
        if (place === undefined) return undefined;
        trail.push(place);
        continue;
      }
      if (links >= LINKS_LIMIT) throw badImage(`${shown(path)}: its links lead round in a circle`);
      const { target } = place.inode;
      const rest = names.slice(index + 1);
      const start = target.startsWith("/") ? [] : names.slice(0, index);
      return this.#at([...start, ...partsOf(target), ...rest], follow, links + 1, path);
    }
    return trail.at(-1);
  }

  /** What a path leads to at last. */
  find(path: string): Inode | undefined {
    return this.#at(partsOf(path), true, 0)?.inode;
  }

  /** Every place, folders before what is in them. */
  *places(): Generator<{ path: string; inode: Inode }> {
    const waiting: { path: string; place: Place }[] = [{ path: ".", place: this.#root }];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const { path, place } = next;
      yield { path, inode: place.inode };
      for (const [name, child] of place.children) waiting.push({ path: `${path}/${name}`, place: child });
    }
  }
}

const partsOf = (path: string): string[] => path.split("/").filter((name) => name !== "" && name !== ".");

function namesOf(path: string): string[] {
  const names = partsOf(path);
  if (names.includes("..")) throw badImage(`${shown(path)} leads out of its archive`);
  if (path.includes("\0")) throw badImage(`${shown(path)} is no path`);
  const long = names.find((name) => name.length > NAME_LIMIT_BYTES);
  if (long !== undefined) throw badImage(`${shown(long.slice(0, 100))}… is longer than a name can be`);
  return names;
}

function inodeOf(header: Header, kind: Inode["kind"], layer: number, index: number): Inode {
  const { size, mode, uid, gid, mtime, target } = header;
  if (kind === "symlink" && (target === "" || target.includes("\0")))
    throw badImage(`${shown(header.path)} is a link to nowhere`);
  return { kind, size, mode, uid, gid, mtime, target, layer, index };
}

function removeOlder(parent: Place, name: string, layer: number): void {
  const place = parent.children.get(name)!;
  if (place.layer < layer) parent.children.delete(name);
  else removeBelow(place, layer);
}

function removeBelow(place: Place, layer: number): void {
  const waiting = [place];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop())
    for (const [name, child] of next.children)
      if (child.layer < layer) next.children.delete(name);
      else waiting.push(child);
}
