import { badImage } from "./failures.ts";
import type { WrittenEntry } from "./tar/index.ts";
import type { ImageTree } from "./tree.ts";

const ROOT_LINE = "root:x:0:0:root:/root:/bin/sh";
const PASSWD = "etc/passwd";
/** Larger is no list of users. */
export const PASSWD_LIMIT_BYTES = 1024 * 1024;

export const isPasswd = (path: string): boolean => path.replace(/^(\.?\/)+/, "") === PASSWD;

interface Added {
  readonly entry: WrittenEntry;
  readonly content: Buffer;
}

/**
 * What every guest counts on and an image may lack: folders to mount on, somebody who is root, a home for it. `passwd` is the
 * image's, where it has one.
 */
export function missingParts(tree: ImageTree, passwd: Buffer | undefined): Added[] {
  const added: Added[] = [];
  const add = (path: string, kind: "dir" | "file", mode: number, text = ""): void => {
    const content = Buffer.from(text, "latin1");
    added.push({ entry: { path: `./${path}`, kind, size: content.length, mode, uid: 0, gid: 0, mtime: 0 }, content });
  };
  for (const [path, mode] of [
    ["proc", 0o555],
    ["sys", 0o555],
    ["dev", 0o755],
    ["run", 0o755],
    ["tmp", 0o1777],
    ["mnt", 0o755],
    ["etc", 0o755],
    ["root", 0o700],
  ] as const) {
    const there = tree.find(path);
    if (there === undefined) add(path, "dir", mode);
    else if (there.kind !== "dir") throw badImage(`/${path} is no folder in it`);
  }
  if (tree.find(PASSWD) === undefined) add(PASSWD, "file", 0o644, `${ROOT_LINE}\n`);
  else if (passwd !== undefined && !/^root:/m.test(passwd.toString("latin1")))
    add(PASSWD, "file", 0o644, `${ROOT_LINE}\n${passwd.toString("latin1")}`);
  if (tree.find("etc/group") === undefined) add("etc/group", "file", 0o644, "root:x:0:\n");
  return added;
}

/** Commands are run by `/bin/sh`. */
export function requireShell(tree: ImageTree): void {
  const shell = tree.find("bin/sh");
  if (shell === undefined)
    throw badImage(
      "there is no /bin/sh in it, which sandboxes run commands with; files can be copied out of it with COPY --from",
    );
  if (shell.kind !== "file" || (shell.mode & 0o111) === 0) throw badImage("/bin/sh is no program in it");
}
