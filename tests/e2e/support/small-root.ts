import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, realpathSync } from "node:fs";
import { basename } from "node:path";
import { type Made, tarOf } from "../../../packages/host-agent/tests/imports/make.ts";

/** What a shell and `tar` need, from this machine: a root file system of some megabytes that no network is asked for. */
const PROGRAMS = ["cat", "id", "ls", "mkdir", "readlink", "sleep", "tar", "touch"];
const LINE = /(?:=> )?(\/\S+) \(0x/g;

function program(path: string): Made[] {
  const libraries = [...execFileSync("ldd", [path], { encoding: "utf8" }).matchAll(LINE)].map((match) => match[1]!);
  return [path, ...libraries].map((from) => ({
    path: from === path ? `usr/bin/${basename(path)}` : `usr${from.replace(/^\/usr/, "")}`,
    text: readFileSync(realpathSync(from), "latin1"),
    mode: 0o755,
  }));
}

/** Entries of a tar archive, each once. */
export function smallRoot(): Made[] {
  const shell = ["/usr/bin/dash", "/bin/dash"].find((path) => existsSync(path))!;
  const found = [shell, ...PROGRAMS.map((name) => `/usr/bin/${name}`)].flatMap(program);
  const once = [...new Map(found.map((entry) => [entry.path, entry])).values()];
  const links = ["bin", "sbin", "lib", "lib64"].map((name): Made => ({
    path: name,
    kind: "symlink",
    target: `usr/${name}`,
  }));
  return [...links, ...once, { path: "usr/bin/sh", kind: "symlink", target: "dash" }];
}

export const smallRootArchive = (more: readonly Made[] = []): Buffer => tarOf([...smallRoot(), ...more]);
