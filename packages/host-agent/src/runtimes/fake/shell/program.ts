import { content } from "../fs/inodes.ts";
import { find } from "../fs/lookup.ts";
import { exit, pathIn, write } from "../kernel/calls.ts";
import type { Program } from "../programs/program.ts";
import { KernelError } from "../world/errors.ts";
import { compileScript } from "./compile.ts";
import { ShellSyntaxError } from "./parse-words.ts";
import { newFrame, newShellState } from "./state.ts";

export const shellProgram: Program = {
  /** The first step of a shell; from then on `process.shell` is set and the interpreter has it. */
  step(kernel, process) {
    const name = process.argv[0]!;
    const args = process.argv.slice(1);
    let command: string | undefined;
    let isErrexit = false;
    let isInteractive = false;
    while (args[0] !== undefined && /^[-+]./.test(args[0])) {
      const flag = args.shift()!;
      if (flag === "--") break;
      if (flag.startsWith("--")) continue;
      isErrexit ||= flag.includes("e");
      isInteractive ||= flag.includes("i");
      if (flag.endsWith("o")) args.shift();
      if (flag.includes("c")) command = args.shift() ?? "";
      if (flag.includes("s")) break;
    }
    const file = command === undefined ? args.shift() : undefined;
    const shell = newShellState({
      name: command === undefined ? (file ?? name) : (args.shift() ?? name),
      args,
      pid: process.pid,
      env: process.env,
    });
    shell.vars["PWD"] = process.cwd;
    shell.errexit = isErrexit;
    try {
      if (command !== undefined) shell.frames.push(newFrame("script", compileScript(command)));
      else if (file !== undefined)
        shell.frames.push(
          newFrame("script", compileScript(content(find(kernel.world, pathIn(process, file), process)).toString())),
        );
      else {
        const isTerminal = kernel.world.files.get(process.fds.get(0) ?? -1)?.kind === "terminal";
        shell.input = { text: "", isInteractive: isInteractive || isTerminal, hasEnded: false, hasPrompted: false };
        if (shell.input.isInteractive) process.ignored.push("SIGINT", "SIGQUIT", "SIGTERM");
      }
    } catch (error) {
      if (!(error instanceof ShellSyntaxError) && !(error instanceof KernelError)) throw error;
      write(kernel, process, 2, `${shell.name}: ${error.message}\n`);
      return exit(kernel, process, error instanceof KernelError ? 127 : 2);
    }
    process.shell = shell;
  },
};
