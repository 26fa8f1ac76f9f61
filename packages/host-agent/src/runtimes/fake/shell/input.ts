import { read, write } from "../kernel/calls.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Process } from "../world/world.ts";
import { compileScript } from "./compile.ts";
import { IncompleteScript, ShellSyntaxError } from "./parse-words.ts";
import type { Code } from "./tree.ts";

/** The next whole command of a shell that reads its commands from descriptor 0, a line at a time. */
export function nextScript(kernel: Kernel, process: Process): Code | "blocked" | "end" {
  const shell = process.shell!;
  const { input } = shell;
  if (input === null) return "end";
  for (;;) {
    const code = takeScript(kernel, process);
    if (code !== undefined) {
      input.hasPrompted = false;
      return code;
    }
    if (input.hasEnded) return "end";
    if (input.isInteractive && !input.hasPrompted) {
      write(kernel, process, 2, input.text !== "" ? "> " : process.uid === 0 ? "# " : "$ ");
      input.hasPrompted = true;
      if (process.pending.length > 0) return "blocked";
    }
    const data = read(kernel, process, 0);
    if (data === "blocked") {
      process.wait = { readable: 0 };
      return "blocked";
    }
    if (data === "eof") {
      input.hasEnded = true;
      if (input.isInteractive) write(kernel, process, 2, "\n");
    } else input.text += data.toString();
  }
}

/** As many lines of what was read as make a command. */
function takeScript(kernel: Kernel, process: Process): Code | undefined {
  const input = process.shell!.input!;
  let end = -1;
  for (;;) {
    end = input.text.indexOf("\n", end + 1);
    const isRest = end < 0;
    if (isRest && (!input.hasEnded || input.text === "")) return undefined;
    const text = isRest ? input.text : input.text.slice(0, end + 1);
    try {
      const code = compileScript(text);
      input.text = input.text.slice(text.length);
      return code;
    } catch (error) {
      if (error instanceof IncompleteScript && !isRest) continue;
      if (!(error instanceof ShellSyntaxError)) throw error;
      input.text = "";
      process.shell!.status = 2;
      write(kernel, process, 2, `${process.shell!.name}: ${error.message}\n`);
      return undefined;
    }
  }
}
