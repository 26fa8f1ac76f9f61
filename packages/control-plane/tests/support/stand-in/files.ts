import { posix } from "node:path";
import type { FileEntry, FsOperation } from "@pandastack/contracts/host";
import { Refusal } from "@pandastack/platform";
import type { StandInFile, StandInSandbox } from "./state.ts";

const normal = (path: string) => posix.normalize(path).replace(/(.)\/$/, "$1");

function isFolder(sandbox: StandInSandbox, path: string): boolean {
  if (path === "/" || path === "/root" || path === "/tmp" || path === "/big") return true;
  const file = sandbox.files.get(path);
  if (file !== undefined) return file.mode === 0o40755;
  return [...sandbox.files.keys()].some((name) => name.startsWith(`${path}/`));
}

export function entryOf(sandbox: StandInSandbox, given: string): FileEntry {
  const path = normal(given);
  const file = sandbox.files.get(path);
  const isDir = isFolder(sandbox, path);
  if (file === undefined && !isDir) throw new Refusal("file.not_found", `${path}: no such file or folder`);
  return {
    name: posix.basename(path) || "/",
    path,
    type: isDir ? "dir" : "file",
    size: isDir ? 4096 : (file?.content.length ?? 0),
    mode: isDir ? 0o755 : (file?.mode ?? 0o644),
    mode_string: isDir ? "drwxr-xr-x" : "-rw-r--r--",
    uid: 0,
    gid: 0,
    user: "root",
    group: "root",
    mtime_ms: file?.mtimeMs ?? 1_700_000_000_000,
    symlink_target: null,
  };
}

export function readFile(sandbox: StandInSandbox, given: string): StandInFile {
  const path = normal(given);
  if (isFolder(sandbox, path)) throw new Refusal("file.is_a_directory", `${path}: is a folder`);
  const file = sandbox.files.get(path);
  if (file === undefined) throw new Refusal("file.not_found", `${path}: no such file or folder`);
  return file;
}

export function writeFile(
  sandbox: StandInSandbox,
  given: string,
  content: Buffer,
  options: { append: boolean; mode?: number },
): { path: string; bytes: number } {
  const path = normal(given);
  const before = options.append ? (sandbox.files.get(path)?.content ?? Buffer.alloc(0)) : Buffer.alloc(0);
  sandbox.files.set(path, {
    content: Buffer.concat([before, content]),
    mode: options.mode ?? 0o644,
    mtimeMs: Date.now(),
  });
  return { path, bytes: content.length };
}

export function* listFiles(sandbox: StandInSandbox, given: string): Generator<FileEntry> {
  const path = normal(given);
  if (!isFolder(sandbox, path)) {
    entryOf(sandbox, path);
    throw new Refusal("file.not_a_directory", `${path}: is no folder`);
  }
  if (path === "/big") {
    for (let i = 0; i < 5000; i++)
      yield { ...entryOf(sandbox, "/tmp"), name: `f${i}`, path: `/big/f${i}`, type: "file" };
    return;
  }
  const base = path === "/" ? "/" : `${path}/`;
  const names = new Set(
    [...sandbox.files.keys()]
      .filter((name) => name.startsWith(base))
      .map((name) => name.slice(base.length).split("/")[0]!),
  );
  for (const name of [...names].sort()) yield entryOf(sandbox, base + name);
}

export function fileOperation(sandbox: StandInSandbox, operation: FsOperation): unknown {
  switch (operation.op) {
    case "stat":
      return entryOf(sandbox, operation.path);
    case "mkdir":
      sandbox.files.set(normal(operation.path), { content: Buffer.alloc(0), mode: 0o40755, mtimeMs: Date.now() });
      return entryOf(sandbox, operation.path);
    case "move": {
      const file = readFile(sandbox, operation.from);
      sandbox.files.delete(normal(operation.from));
      sandbox.files.set(normal(operation.to), file);
      return {};
    }
    case "remove": {
      const path = normal(operation.path);
      entryOf(sandbox, path);
      const inside = [...sandbox.files.keys()].filter((name) => name.startsWith(`${path}/`));
      if (inside.length > 0 && operation.recursive !== true)
        throw new Refusal("file.directory_not_empty", `${path}: is not empty; pass recursive=1`);
      for (const name of [path, ...inside]) sandbox.files.delete(name);
      return {};
    }
    case "chmod":
      readFile(sandbox, operation.path).mode = operation.mode;
      return {};
    case "chown":
      entryOf(sandbox, operation.path);
      return {};
    default:
      throw new Refusal("guest.unsupported", `${operation.op} is not supported`);
  }
}
