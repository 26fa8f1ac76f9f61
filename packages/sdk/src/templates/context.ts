import { readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { PandaStackError } from "../errors/errors.ts";

/** What the server takes for one build. */
const CONTEXT_LIMIT_BYTES = 50 * 1024 * 1024;

export interface ContextFile {
  readonly content: Uint8Array<ArrayBuffer>;
  readonly mode: number;
}

const bad = (text: string): PandaStackError => new PandaStackError(text, { code: "client.local_file" });

/**
 * Files below `folder`, by their paths in it. A link stands for what it leads to, which must lie within the folder: the server
 * gets files, not paths of this machine.
 */
export function collectContext(
  folder: string,
  isWanted: (path: string) => boolean = () => true,
): Map<string, ContextFile> {
  const root = realpathSync(folder);
  const files = new Map<string, ContextFile>();
  let bytes = 0;
  const walk = (path: string, above: readonly string[]): void => {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      const full = join(path, entry.name);
      const name = relative(root, full).split(sep).join("/");
      const real = entry.isSymbolicLink() ? follow(root, full, name, isWanted) : full;
      if (real === undefined) continue;
      const stats = statSync(real);
      if (stats.isDirectory()) {
        if (above.includes(realpathSync(real))) throw bad(`${name}: this link leads back to a folder that it is in`);
        walk(full, [...above, realpathSync(real)]);
      } else if (stats.isFile() && isWanted(name)) {
        bytes += stats.size;
        if (bytes > CONTEXT_LIMIT_BYTES)
          throw bad(`the files in ${folder} are more than 50 MiB; leave out what is not needed with a .dockerignore`);
        files.set(name, { content: readFileSync(real), mode: stats.mode & 0o777 });
      }
    }
  };
  walk(root, [root]);
  return files;
}

/** Undefined: what nobody wants may lead anywhere. */
function follow(root: string, full: string, name: string, isWanted: (path: string) => boolean): string | undefined {
  try {
    const real = realpathSync(full);
    if (real !== root && !real.startsWith(root + sep)) throw bad(`${name}: this link leads out of the build context`);
    return real;
  } catch (error) {
    if (!isWanted(name)) return undefined;
    if (error instanceof PandaStackError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    throw bad(code === "ELOOP" ? `${name}: this link leads to itself` : `${name}: this link leads nowhere`);
  }
}
