import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { LET_GO_OF_POOLS } from "../../../host-agent/src/pool/let-go-of-pools.ts";

/**
 * The code at a place that everyone can reach, read-only, in one process's mount namespace only. The clone itself may be open to
 * root alone, and a process that has given up root still has modules to load: some packages read theirs at first use.
 */
export interface CodeView {
  readonly repository: string;
  /** Where the folders of the repository appear. */
  readonly place: string;
}

/** Not the whole repository: its own mode comes along with a mount, and the data folder is none of that process's business. */
const FOLDERS = ["packages", "node_modules", "templates"];

/** Constant: everything that varies comes as an argument. */
const ENTER = [
  'show() { mount --bind "$1" "$2" && mount -o remount,bind,ro "$2"; }',
  'show "$1" "$2" && show "$3" "$4" && show "$5" "$6" || exit 1',
  LET_GO_OF_POOLS,
  'shift 6; exec "$@"',
].join("; ");

export function prepareCodeView(view: CodeView): void {
  for (const folder of FOLDERS) mkdirSync(join(view.place, folder), { recursive: true, mode: 0o755 });
}

/** `command` with its paths in the repository turned to the view, run in place of `unshare`'s own process. */
export function inCodeView(view: CodeView, command: readonly string[]): string[] {
  const mounts = FOLDERS.flatMap((folder) => [join(view.repository, folder), join(view.place, folder)]);
  const turned = command.map((word) =>
    word.startsWith(`${view.repository}/`) ? view.place + word.slice(view.repository.length) : word,
  );
  return ["unshare", "--mount", "--propagation=slave", "--", "sh", "-c", ENTER, "sh", ...mounts, ...turned];
}
