import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Sandbox, TransferOptions } from "@pandastack/sdk";
import { UsageError } from "../failure.ts";
import { writeAll } from "../output.ts";
import { baseName } from "./place.ts";

/** Copies a file, or with `recursive` a folder, out of a sandbox. `-` is stdout. Answers with where it went. */
export async function download(
  sandbox: Sandbox,
  from: string,
  to: string,
  options: TransferOptions & { recursive: boolean },
): Promise<string> {
  if (to === "-") {
    for await (const chunk of await sandbox.files.readStream(from)) await writeAll(process.stdout, chunk);
    return to;
  }
  if (!options.recursive && (await sandbox.files.stat(from)).is_dir)
    throw new UsageError(`${from} is a folder: use -r`);
  const isIntoFolder = to.endsWith("/") || (existsSync(to) && statSync(to).isDirectory());
  const target = isIntoFolder ? join(to, baseName(from)) : to;
  await sandbox.files.download(from, target, options);
  return target;
}
