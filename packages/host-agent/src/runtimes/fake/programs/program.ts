import type { Kernel } from "../kernel/kernel.ts";
import type { Process } from "../world/world.ts";

/**
 * A program of the fake guest. `step` does a bounded piece of work: it sets `process.wait` when it can't go on, calls `exit`
 * when it is done, and keeps whatever it must remember in `process.state`, which is written into snapshots.
 */
export interface Program {
  step(kernel: Kernel, process: Process): void;
}

export interface ProgramContext {
  readonly kernel: Kernel;
  readonly process: Process;
}

/** A program that never waits: it answers its exit status at once. */
export type SimpleProgram = (context: ProgramContext, args: string[], name: string) => number;

/** Splits `-abc` and `-n 5` (for letters in `withValue`) from operands. */
export function parseFlags(
  args: readonly string[],
  withValue = "",
): { flags: Map<string, string>; operands: string[] } {
  const flags = new Map<string, string>();
  const operands: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === "--") {
      operands.push(...args.slice(i + 1));
      break;
    }
    if (arg.startsWith("--")) {
      const [name, value] = arg.slice(2).split("=", 2);
      flags.set(name!, value ?? "");
    } else if (arg.length > 1 && arg.startsWith("-")) {
      for (let at = 1; at < arg.length; at++) {
        const letter = arg[at]!;
        if (!withValue.includes(letter)) {
          flags.set(letter, "");
          continue;
        }
        flags.set(letter, at + 1 < arg.length ? arg.slice(at + 1) : (args[++i] ?? ""));
        break;
      }
    } else operands.push(arg);
  }
  return { flags, operands };
}
