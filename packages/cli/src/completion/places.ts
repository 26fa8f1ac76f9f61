import type { Command } from "commander";
import { type Kind, kindOfArgument, kindOfOption } from "./kinds.ts";

interface OfferedOption {
  /** Long first. */
  readonly flags: readonly string[];
  readonly description: string;
  readonly takesValue: boolean;
  readonly kind: Kind;
}

interface OfferedArgument {
  readonly kind: Kind;
  readonly isVariadic: boolean;
}

/** Everything that can be typed after a command: `words` is the command, "" the program itself. */
export interface Place {
  readonly words: string;
  readonly commands: readonly Command[];
  readonly options: readonly OfferedOption[];
  readonly arguments: readonly OfferedArgument[];
}

/** Of a command that people type. */
export const isShown = (command: Command): boolean => command.name() !== "help" && !command.name().startsWith("__");

export function placesOf(root: Command): Place[] {
  const places: Place[] = [];
  const visit = (command: Command, words: string[]): void => {
    const inner = command.commands.filter(isShown);
    places.push({
      words: words.join(" "),
      commands: inner,
      options: [...optionsOf(command), { flags: ["--help"], description: "", takesValue: false, kind: undefined }],
      arguments: command.registeredArguments.map((argument) => ({
        kind: kindOfArgument(command, argument),
        isVariadic: argument.variadic,
      })),
    });
    for (const each of inner) visit(each, [...words, each.name()]);
  };
  visit(root, []);
  return places;
}

function optionsOf(command: Command): OfferedOption[] {
  return command.options
    .filter((option) => !option.hidden && option.long)
    .map((option) => ({
      flags: [option.long, option.short].filter((flag): flag is string => typeof flag === "string"),
      description: option.description.split("\n")[0] ?? "",
      takesValue: option.required || option.optional,
      kind: kindOfOption(option),
    }));
}
