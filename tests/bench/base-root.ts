import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The base template's root file system, on the host: what plain programs beside the sandboxes run in. */
export interface BaseRoot {
  /** A folder of its own, with the root file system, read-only, in `root`. */
  readonly dir: string;
  readonly root: string;
  remove(): void;
}

export function mountBaseRoot(dataDir: string): BaseRoot {
  const artifacts = JSON.parse(readFileSync(join(dataDir, "artifacts.json"), "utf8")) as {
    rootfs: Record<string, { path: string }>;
  };
  const dir = mkdtempSync(join(tmpdir(), "pandastack-bench-"));
  const root = join(dir, "root");
  mkdirSync(root);
  execFileSync("mount", ["-o", "loop,ro,noload", artifacts.rootfs["base"]!.path, root]);
  return {
    dir,
    root,
    remove() {
      execFileSync("umount", [root]);
      rmSync(dir, { recursive: true });
    },
  };
}
