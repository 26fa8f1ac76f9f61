import { statSync } from "node:fs";
import { basename, resolve } from "node:path";
import { Readable } from "node:stream";
import { NotFoundError, type Sandbox, type TransferOptions } from "@pandastack/sdk";
import { UsageError } from "../failure.ts";

/** Copies a file, or with `recursive` a folder, into a sandbox. `-` is stdin. Answers with where it went. */
export async function upload(
  sandbox: Sandbox,
  from: string,
  to: string,
  options: TransferOptions & { recursive: boolean },
): Promise<string> {
  if (from === "-") {
    await sandbox.files.write(to, Readable.toWeb(process.stdin) as ReadableStream<Uint8Array>);
    return to;
  }
  const stats = statSync(from, { throwIfNoEntry: false });
  if (stats === undefined) throw new UsageError(`${from}: no such file or folder`);
  if (stats.isDirectory() && !options.recursive) throw new UsageError(`${from} is a folder: use -r`);
  const isIntoFolder = to.endsWith("/") || (await isRemoteFolder(sandbox, to));
  const target = isIntoFolder ? `${to.replace(/\/+$/, "")}/${basename(resolve(from))}` : to;
  await sandbox.files.upload(from, target, options);
  return target;
}

async function isRemoteFolder(sandbox: Sandbox, path: string): Promise<boolean> {
  try {
    return (await sandbox.files.stat(path)).is_dir;
  } catch (error) {
    if (error instanceof NotFoundError) return false;
    throw error;
  }
}
