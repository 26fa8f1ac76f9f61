import type { Command } from "commander";
import { isShown } from "../../src/completion/places.ts";
import { buildProgram } from "../../src/program.ts";

/** Every command that does something, by the words that are typed for it. */
export function leaves(): { command: Command; name: string }[] {
  const all: { command: Command; name: string }[] = [];
  const visit = (command: Command, words: string[]): void => {
    if (command.commands.length === 0) all.push({ command, name: words.join(" ") });
    for (const each of command.commands) if (isShown(each)) visit(each, [...words, each.name()]);
  };
  visit(buildProgram(), []);
  return all;
}
