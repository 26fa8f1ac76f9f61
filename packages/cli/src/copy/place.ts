import { UsageError } from "../failure.ts";

/** One side of a copy: a path here, or in a sandbox. */
export type Place = { sandboxId: undefined; path: string } | { sandboxId: string; path: string };

const REMOTE = /^([a-z0-9]{20}|[0-9a-f-]{36}):(.*)$/s;

/** `id:/path` is in a sandbox; anything else is here. A relative path in a sandbox starts at root's home. */
export function parsePlace(text: string): Place {
  const match = REMOTE.exec(text);
  if (match === null) return { sandboxId: undefined, path: text };
  const [, sandboxId = "", path = ""] = match;
  return { sandboxId, path: path.startsWith("/") ? path : `/root/${path}` };
}

export function checkDirection(from: Place, to: Place): void {
  if (from.sandboxId === undefined && to.sandboxId === undefined)
    throw new UsageError("one side must be in a sandbox: <id>:/path");
  if (from.sandboxId !== undefined && to.sandboxId !== undefined)
    throw new UsageError("one side must be here: a copy between sandboxes takes two steps");
}

/** The last name of a path; what a copy into a folder is called. */
export function baseName(path: string): string {
  return path.replace(/\/+$/, "").split("/").at(-1) ?? "";
}
