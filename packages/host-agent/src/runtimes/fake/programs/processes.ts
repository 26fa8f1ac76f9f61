import { openForWriting } from "../fs/changes.ts";
import { writeAt } from "../fs/inodes.ts";
import { exit, pathIn, write } from "../kernel/calls.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { findExecutable } from "../kernel/spawn.ts";
import type { Process } from "../world/world.ts";
import type { Program } from "./program.ts";

/** Becomes another program: what `env`, `nohup`, `setsid` end with. */
function becomeCommand(kernel: Kernel, process: Process, argv: string[]): void {
  const found = findExecutable(kernel.world, argv, {
    path: process.env["PATH"] ?? "/usr/bin",
    cwd: process.cwd,
    who: process,
  });
  if ("code" in found) {
    write(kernel, process, 2, `${process.argv[0]}: ${found.message}\n`);
    return exit(kernel, process, found.code);
  }
  process.argv = found.argv;
  process.program = found.program;
  process.state = {};
}

export const processPrograms: Record<string, Program> = {
  sleep: {
    step(kernel, process) {
      const state = process.state as { untilMs?: number };
      if (state.untilMs === undefined) {
        const seconds = process.argv.slice(1).reduce((sum, arg) => sum + durationSeconds(arg), 0);
        if (Number.isNaN(seconds)) {
          write(kernel, process, 2, `sleep: invalid time interval '${process.argv[1]}'\n`);
          return exit(kernel, process, 1);
        }
        state.untilMs = kernel.monotonicMs() + seconds * 1000;
      }
      if (kernel.monotonicMs() >= state.untilMs) return exit(kernel, process, 0);
      process.wait = Number.isFinite(state.untilMs) ? { untilMs: state.untilMs } : { forever: true };
    },
  },
  env: {
    step(kernel, process) {
      const args = process.argv.slice(1);
      if (args[0] === "-i") {
        process.env = {};
        args.shift();
      }
      while (args[0] !== undefined && /^\w+=/.test(args[0])) {
        const [name] = args[0].split("=", 1);
        process.env = { ...process.env, [name!]: args.shift()!.slice(name!.length + 1) };
      }
      if (args.length > 0) return becomeCommand(kernel, process, args);
      write(
        kernel,
        process,
        1,
        Object.entries(process.env)
          .map(([name, value]) => `${name}=${value}\n`)
          .join(""),
      );
      exit(kernel, process, 0);
    },
  },
  nohup: {
    step(kernel, process) {
      process.ignored.push("SIGHUP");
      becomeCommand(kernel, process, process.argv.slice(1));
    },
  },
  setsid: {
    step(kernel, process) {
      process.pgid = process.pid;
      process.sid = process.pid;
      becomeCommand(
        kernel,
        process,
        process.argv.slice(1).filter((arg, index) => index > 0 || !arg.startsWith("-")),
      );
    },
  },
  nice: {
    step: (kernel, process) => becomeCommand(kernel, process, process.argv.slice(process.argv[1] === "-n" ? 3 : 1)),
  },
  sudo: {
    step(kernel, process) {
      if (!process.groups.includes(27) && process.uid !== 0) {
        write(kernel, process, 2, "sudo: a password is required\n");
        return exit(kernel, process, 1);
      }
      process.uid = 0;
      process.gid = 0;
      process.groups = [0];
      becomeCommand(kernel, process, process.argv.slice(process.argv[1] === "-n" ? 2 : 1));
    },
  },
  /** `ticker FILE [MS]`: counts in its own memory on the guest's clock and says where it is in FILE. */
  ticker: {
    step(kernel, process) {
      const state = process.state as { count?: number; nextMs?: number };
      const everyMs = Number(process.argv[2] ?? "10");
      const now = kernel.monotonicMs();
      if (state.nextMs !== undefined && now < state.nextMs) return void (process.wait = { untilMs: state.nextMs });
      state.count = (state.count ?? 0) + 1;
      state.nextMs = now + everyMs;
      const inode = openForWriting(kernel, pathIn(process, process.argv[1] ?? "/tmp/ticker"), process, {
        truncate: true,
        mode: 0o644,
      });
      writeAt(inode, 0, Buffer.from(`${state.count}\n`));
    },
  },
};

function durationSeconds(text: string): number {
  if (text === "infinity") return Infinity;
  const match = /^(\d*\.?\d+)([smhd]?)$/.exec(text);
  if (match === null) return Number.NaN;
  return Number(match[1]) * { "": 1, s: 1, m: 60, h: 3600, d: 86_400 }[match[2]! as "" | "s" | "m" | "h" | "d"];
}
