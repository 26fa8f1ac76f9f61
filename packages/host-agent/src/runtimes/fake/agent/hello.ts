import { writeText } from "../fs/base.ts";
import { content } from "../fs/inodes.ts";
import { exists, ROOT } from "../fs/lookup.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { addEntropy } from "../world/random.ts";
import { findExecutable, spawn } from "../kernel/spawn.ts";

export interface Hello {
  readonly nonce: string;
  readonly version: number;
  readonly token?: string;
  readonly time_ns?: string;
  readonly refresh?: Refresh;
}

interface Refresh {
  readonly generation?: string;
  readonly entropy?: string;
  readonly hostname?: string;
  readonly machine_id?: string;
  readonly boot_id?: string;
  readonly token?: string;
  readonly env?: Record<string, string>;
  readonly reset_connections?: boolean;
  readonly hooks?: boolean;
}

/** Clock first, then what makes a copied guest itself; once for each generation. */
export function applyHello(kernel: Kernel, hello: Hello): void {
  if (hello.time_ns !== undefined) kernel.setWallClock(Number(BigInt(hello.time_ns) / 1000n) / 1000);
  const { refresh } = hello;
  if (refresh === undefined) return;
  const { world } = kernel;
  if (refresh.generation !== undefined && refresh.generation === world.generation) return;
  world.generation = refresh.generation ?? world.generation;
  if (refresh.entropy !== undefined) addEntropy(world, Buffer.from(refresh.entropy, "base64"));
  if (refresh.hostname !== undefined) {
    world.hostname = refresh.hostname;
    writeText(kernel, "/etc/hostname", `${refresh.hostname}\n`);
  }
  if (refresh.machine_id !== undefined) writeText(kernel, "/etc/machine-id", `${refresh.machine_id}\n`);
  if (refresh.boot_id !== undefined) world.bootId = refresh.boot_id;
  if (refresh.token !== undefined) world.token = refresh.token;
  if (refresh.env !== undefined) world.baseEnv = { ...refresh.env };
  if (refresh.hooks === true) runHooks(kernel, "/etc/pandastack/on-restore.d");
}

/** Starts the executables of a hook folder in name order, as root. */
export function runHooks(kernel: Kernel, folder: string): void {
  const inode = exists(kernel.world, folder, ROOT);
  for (const name of [...(inode?.entries.keys() ?? [])].sort()) {
    const argv = [`${folder}/${name}`];
    const hook = exists(kernel.world, argv[0]!, ROOT);
    if (hook === undefined || content(hook).length === 0) continue;
    const found = findExecutable(kernel.world, argv, { path: "", cwd: "/", who: ROOT });
    if ("code" in found) continue;
    spawn(kernel, {
      ppid: 1,
      who: ROOT,
      argv: found.argv,
      env: baseEnv("root", "/root", "/bin/sh"),
      cwd: "/",
      umask: 0o022,
      fds: new Map(),
      program: found.program,
    });
  }
}

export function baseEnv(user: string, home: string, shell: string): Record<string, string> {
  return {
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    HOME: home,
    USER: user,
    LOGNAME: user,
    SHELL: shell,
    LANG: "C.UTF-8",
  };
}
