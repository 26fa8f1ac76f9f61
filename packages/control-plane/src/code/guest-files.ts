import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";

/** What runs inside sandboxes: put there at first use, so that every template, and every old snapshot, has it. */
const FOLDER = new URL("../../guest/code-interpreter/", import.meta.url);

export interface GuestFiles {
  /** Of their content: two versions never share a folder inside. */
  readonly version: string;
  /** JSON: each file's text by its path. */
  readonly bundle: Buffer;
}

let read: GuestFiles | undefined;

export function guestFiles(): GuestFiles {
  if (read !== undefined) return read;
  const paths = readdirSync(FOLDER, { recursive: true, encoding: "utf8" })
    .filter((path) => /\.(py|mjs)$/.test(path))
    .sort();
  const bundle = Buffer.from(
    JSON.stringify(Object.fromEntries(paths.map((path) => [path, readFileSync(new URL(path, FOLDER), "utf8")]))),
  );
  const version = createHash("sha256").update(bundle).digest("hex").slice(0, 12);
  return (read = { version, bundle });
}
