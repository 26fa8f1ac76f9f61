import { createWriteStream, existsSync, mkdirSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Sandbox } from "@pandastack/sdk";
import { UsageError } from "../failure.ts";
import { writeAll } from "../output.ts";
import { baseName } from "./place.ts";
import { unpackInto } from "./tar.ts";

/** Copies a file, or with `recursive` a folder, out of a sandbox. `-` is stdout. Answers with where it went. */
export async function download(sandbox: Sandbox, from: string, to: string, recursive: boolean): Promise<string> {
  if (to === "-") {
    for await (const chunk of await sandbox.files.readStream(from)) await writeAll(process.stdout, chunk);
    return to;
  }
  const isFolder = (await sandbox.files.stat(from)).is_dir;
  if (isFolder && !recursive) throw new UsageError(`${from} is a folder: use -r`);
  const target = to.endsWith("/") || (existsSync(to) && statSync(to).isDirectory()) ? join(to, baseName(from)) : to;
  mkdirSync(dirname(resolve(target)), { recursive: true });
  if (isFolder) await downloadFolder(sandbox, from, target);
  else await downloadFile(sandbox, from, target);
  return target;
}

/** Beside the target first: a copy that breaks off leaves what was there. */
async function downloadFile(sandbox: Sandbox, from: string, target: string): Promise<void> {
  const partial = `${target}.${process.pid}.part`;
  try {
    await pipeline(Readable.from(await sandbox.files.readStream(from)), createWriteStream(partial));
    renameSync(partial, target);
  } finally {
    rmSync(partial, { force: true });
  }
}

async function downloadFolder(sandbox: Sandbox, from: string, target: string): Promise<void> {
  const archive = `/tmp/.pandastack-download-${crypto.randomUUID()}.tar`;
  try {
    const packed = await sandbox.commands.run('tar -cf "$ARCHIVE" -C "$FOLDER" .', {
      env: { ARCHIVE: archive, FOLDER: from },
    });
    if (packed.exitCode !== 0) throw new Error(`could not pack in the sandbox: ${packed.stderr.trim()}`);
    mkdirSync(target, { recursive: true });
    await unpackInto(target, Readable.from(await sandbox.files.readStream(archive)));
  } finally {
    await sandbox.commands.run('rm -f "$ARCHIVE"', { env: { ARCHIVE: archive } });
  }
}
