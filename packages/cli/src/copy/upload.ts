import { createReadStream, statSync } from "node:fs";
import { basename, resolve } from "node:path";
import { Readable } from "node:stream";
import { NotFoundError, type Sandbox } from "@pandastack/sdk";
import { UsageError } from "../failure.ts";
import { packFolder } from "./tar.ts";

/** Copies a file, or with `recursive` a folder, into a sandbox. `-` is stdin. Answers with where it went. */
export async function upload(sandbox: Sandbox, from: string, to: string, recursive: boolean): Promise<string> {
  if (from === "-") {
    await sandbox.files.write(to, webStream(process.stdin));
    return to;
  }
  const isFolder = statSync(from, { throwIfNoEntry: true }).isDirectory();
  if (isFolder && !recursive) throw new UsageError(`${from} is a folder: use -r`);
  const target =
    to.endsWith("/") || (await isRemoteFolder(sandbox, to))
      ? `${to.replace(/\/+$/, "")}/${basename(resolve(from))}`
      : to;
  if (isFolder) await uploadFolder(sandbox, from, target);
  else await sandbox.files.write(target, webStream(createReadStream(from)));
  return target;
}

/** As an archive through a file beside the target: one request, whatever the number of files, with modes and links kept. */
async function uploadFolder(sandbox: Sandbox, from: string, target: string): Promise<void> {
  const archive = `/tmp/.pandastack-upload-${crypto.randomUUID()}.tar`;
  try {
    await using tar = packFolder(from);
    await sandbox.files.write(archive, webStream(tar.output));
    await tar.finished;
    const result = await sandbox.commands.run('mkdir -p "$TARGET" && tar -xf "$ARCHIVE" -C "$TARGET" --no-same-owner', {
      env: { ARCHIVE: archive, TARGET: target },
    });
    if (result.exitCode !== 0) throw new Error(`could not unpack in the sandbox: ${result.stderr.trim()}`);
  } finally {
    await sandbox.commands.run('rm -f "$ARCHIVE"', { env: { ARCHIVE: archive } });
  }
}

async function isRemoteFolder(sandbox: Sandbox, path: string): Promise<boolean> {
  try {
    return (await sandbox.files.stat(path)).is_dir;
  } catch (error) {
    if (error instanceof NotFoundError) return false;
    throw error;
  }
}

function webStream(stream: Readable): ReadableStream<Uint8Array> {
  return Readable.toWeb(stream);
}
