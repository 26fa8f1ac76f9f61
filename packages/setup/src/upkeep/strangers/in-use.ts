import { readFileSync, readdirSync, readlinkSync } from "node:fs";
import { join, relative } from "node:path";

/** `<kind>/<key>` of every entry of the cache that some process runs from, has mapped, or has mounted. */
export function cacheEntriesInUse(cacheDir: string): string[] {
  const found = new Set<string>();
  const source = sourceOf(cacheDir, read("/proc/self/mountinfo"));
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    for (const text of [read(`/proc/${pid}/maps`), link(`/proc/${pid}/exe`), link(`/proc/${pid}/cwd`)])
      for (const entry of entriesBelow(cacheDir, text)) found.add(entry);
    // A jail's root is a mount of the entry, which goes by its place in its own file system.
    for (const mount of mountsOf(read(`/proc/${pid}/mountinfo`)))
      if (mount.device === source.device) for (const entry of entriesBelow(source.root, mount.root)) found.add(entry);
  }
  return [...found];
}

function entriesBelow(folder: string, text: string): string[] {
  const escaped = folder.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
  return [...text.matchAll(new RegExp(`${escaped}/([\\w.-]+/[\\w.-]+)`, "g"))].map(([, entry = ""]) => entry);
}

interface Mount {
  readonly device: string;
  /** What of its file system is mounted. */
  readonly root: string;
  readonly path: string;
}

/** Format: https://docs.kernel.org/filesystems/proc.html, /proc/PID/mountinfo. */
function mountsOf(mountinfo: string): Mount[] {
  return mountinfo.split("\n").flatMap((line) => {
    const [, , device, root, path] = line.split(" ");
    return device === undefined || root === undefined || path === undefined ? [] : [{ device, root, path }];
  });
}

/** On which file system a folder lies, and where in it. */
function sourceOf(folder: string, mountinfo: string): { device: string; root: string } {
  const holding = mountsOf(mountinfo).filter(
    ({ path }) => path === "/" || folder === path || folder.startsWith(`${path}/`),
  );
  const mount = holding.reduce((best, each) => (each.path.length >= best.path.length ? each : best));
  const root = join(mount.root, relative(mount.path, folder));
  return { device: mount.device, root: root === "/" ? "" : root };
}

/** Nothing of what ends meanwhile, or may not be looked into. */
function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
function link(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}
