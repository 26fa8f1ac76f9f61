import { content } from "../fs/inodes.ts";
import { PROGRAM_MAGIC } from "../fs/base.ts";
import { absolute, exists, find, may, type Credentials } from "../fs/lookup.ts";
import { KernelError } from "../world/errors.ts";
import type { Kernel } from "./kernel.ts";
import type { OpenFile, Process, World } from "../world/world.ts";

export interface SpawnOptions {
  ppid: number;
  /** Leads a session of its own when undefined. */
  group?: { pgid: number; sid: number } | undefined;
  who: Credentials;
  argv: string[];
  env: Record<string, string>;
  cwd: string;
  umask: number;
  fds: ReadonlyMap<number, OpenFile>;
  program: string;
  ignored?: string[];
}

export function spawn(kernel: Kernel, options: SpawnOptions): Process {
  const { world } = kernel;
  const pid = world.nextPid++;
  const process: Process = {
    pid,
    ppid: options.ppid,
    pgid: options.group?.pgid ?? pid,
    sid: options.group?.sid ?? pid,
    uid: options.who.uid,
    gid: options.who.gid,
    groups: [...options.who.groups],
    argv: options.argv,
    env: options.env,
    cwd: options.cwd,
    umask: options.umask,
    fds: new Map(),
    program: options.program,
    state: {},
    shell: null,
    pending: [],
    wait: null,
    leaving: null,
    status: null,
    isStopped: false,
    ignored: [...(options.ignored ?? [])],
    caught: [],
    startedAtMs: kernel.wallMs(),
  };
  for (const [fd, file] of options.fds) {
    file.refs++;
    process.fds.set(fd, file.id);
  }
  world.processes.set(pid, process);
  kernel.wake();
  return process;
}

export interface Executable {
  readonly program: string;
  readonly argv: string[];
}

/** What the kernel would run for these words, or why not: 127 not found, 126 not executable. */
export function findExecutable(
  world: World,
  argv: readonly string[],
  options: { path: string; cwd: string; who: Credentials },
): Executable | { code: 126 | 127; message: string } {
  const name = argv[0]!;
  const candidates = name.includes("/")
    ? [absolute(options.cwd, name)]
    : options.path.split(":").map((folder) => `${folder}/${name}`);
  let denied: string | undefined;
  for (const path of candidates) {
    const inode = name === "" ? undefined : exists(world, path, options.who);
    if (inode === undefined) continue;
    if (inode.kind !== "file" || !may(inode, options.who, 1)) {
      denied ??= path;
      continue;
    }
    const text = content(inode).subarray(0, 256).toString("latin1");
    if (text.startsWith(PROGRAM_MAGIC)) return { program: text.slice(PROGRAM_MAGIC.length).trim(), argv: [...argv] };
    if (!text.startsWith("#!") && text.startsWith("\x7fELF"))
      return { code: 126, message: `${name}: cannot execute binary file in a fake guest` };
    const interpreter = /^#!\s*(\S+)(?:[ \t]+(\S+))?/.exec(text);
    const words =
      interpreter === null ? ["/bin/sh"] : [interpreter[1]!, ...(interpreter[2] === undefined ? [] : [interpreter[2]])];
    const resolved = interpreter === null ? { program: "sh", argv: words } : findInterpreter(world, words, options);
    if (resolved === undefined) return { code: 126, message: `${name}: bad interpreter` };
    return { program: resolved.program, argv: [...resolved.argv, path, ...argv.slice(1)] };
  }
  if (denied !== undefined) return { code: 126, message: `${name}: Permission denied` };
  return { code: 127, message: name.includes("/") ? `${name}: No such file or directory` : `${name}: not found` };
}

function findInterpreter(
  world: World,
  words: string[],
  options: { path: string; cwd: string; who: Credentials },
): Executable | undefined {
  const found =
    words[0]!.endsWith("/env") && words[1] !== undefined
      ? findExecutable(world, [words[1]], options)
      : findExecutable(world, words, options);
  return "program" in found ? found : undefined;
}

export function checkFolder(kernel: Kernel, path: string, who: Credentials): void {
  const inode = find(kernel.world, path, who);
  if (inode.kind !== "dir") throw new KernelError("ENOTDIR", path);
  if (!may(inode, who, 1)) throw new KernelError("EACCES", path);
}
