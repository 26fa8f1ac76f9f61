import { matchesGlob, posix } from "node:path";
import { FileEntry } from "@pandastack/contracts/host";
import { Refusal } from "@pandastack/platform";
import type { GuestClient } from "../hosts/guest.ts";
import { findOwner, type Owner } from "./owner.ts";
import type { TransferAction } from "./plan.ts";
import { pipeFolder } from "./pipe-folder.ts";

/** How deep below a pattern's folder files are looked for. */
const PATTERN_DEPTH = 16;

/**
 * Copies out of one machine into another. A file keeps its owner and mode unless others are said; of a folder it is what is in it
 * that is copied.
 */
export async function transfer(
  source: GuestClient,
  target: GuestClient,
  action: Pick<TransferAction, "from" | "to" | "owner" | "mode">,
  signal: AbortSignal,
): Promise<void> {
  const found = (await Promise.all(action.from.map((path) => findAll(source, path, signal)))).flat();
  const owner = action.owner === undefined ? undefined : await findOwner(target, action.owner, signal);
  const mode = action.mode === undefined ? undefined : Number.parseInt(action.mode, 8);
  const isInto = found.length > 1 || action.to.endsWith("/") || (await isFolder(target, action.to));
  const options = { owner, mode, signal };
  for (const entry of found) {
    if (entry.type === "dir") await pipeFolder(source, target, { from: entry.path, to: action.to, ...options });
    else if (entry.type === "file")
      await copyFile(source, target, entry, isInto ? posix.join(action.to, entry.name) : action.to, options);
    else throw new Refusal("validation.failed", `${entry.path} is neither a file nor a folder`);
  }
}

async function findAll(source: GuestClient, path: string, signal: AbortSignal): Promise<FileEntry[]> {
  if (!/[*?[]/.test(path)) return [await stat(source, path)];
  const parts = path.split("/");
  const folder =
    parts
      .slice(
        0,
        parts.findIndex((part) => /[*?[]/.test(part)),
      )
      .join("/") || "/";
  const depth = path.includes("**")
    ? PATTERN_DEPTH
    : parts.length - folder.split("/").length + (folder === "/" ? 1 : 0);
  const found: FileEntry[] = [];
  for await (const entry of source.listFiles({ path: folder, depth, signal }))
    if (matchesGlob(entry.path, path)) found.push(entry.type === "symlink" ? await stat(source, entry.path) : entry);
  if (found.length === 0) throw new Refusal("file.not_found", `${path} matches nothing there`);
  return found;
}

/** Of what a link leads to, under the link's name. */
async function stat(source: GuestClient, path: string): Promise<FileEntry> {
  try {
    const entry = FileEntry.parse(await source.fs({ op: "stat", path, follow: true }));
    return { ...entry, path, name: posix.basename(path) };
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== "file.not_found") throw error;
    throw new Refusal("file.not_found", `${path} is not there`);
  }
}

async function isFolder(target: GuestClient, path: string): Promise<boolean> {
  const entry = await stat(target, path).catch((error: unknown) => {
    if (error instanceof Refusal) return undefined;
    throw error;
  });
  return entry?.type === "dir";
}

async function copyFile(
  source: GuestClient,
  target: GuestClient,
  entry: FileEntry,
  path: string,
  { owner, mode, signal }: { owner: Owner | undefined; mode: number | undefined; signal: AbortSignal },
): Promise<void> {
  const { body } = await source.readFile({ path: entry.path, signal });
  try {
    await target.writeFile({ path, mode: mode ?? entry.mode & 0o7777, signal }, body);
  } finally {
    body.destroy();
  }
  const { uid, gid } = owner ?? entry;
  await target.fs({ op: "chown", path, user: String(uid), group: String(gid) });
  // A file that was there keeps its mode when it is written anew, and a change of owner takes setuid bits away.
  await target.fs({ op: "chmod", path, mode: mode ?? entry.mode & 0o7777 });
}
