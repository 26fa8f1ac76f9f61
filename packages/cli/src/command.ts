import { PandaStack } from "@pandastack/sdk";
import { Command, InvalidArgumentError, Option } from "commander";

export interface CommonOptions {
  json?: boolean;
  apiUrl?: string;
}

export interface CommandText {
  name: string;
  /** One line for the list of commands. */
  summary: string;
  /** Shown in the command's help, without the prompt. */
  example: string;
  /** What there is to say beyond the summary. */
  more?: string;
}

/** A command with what all of them have: `--json`, `--api-url`, an example in its help. */
export function newCommand(text: CommandText): Command {
  return new Command(text.name)
    .summary(text.summary)
    .description(text.more === undefined ? text.summary : `${text.summary}\n\n${text.more}`)
    .option("--json", "print the server's answer as JSON; streams as one document a line")
    .addOption(
      new Option(
        "--api-url <url>",
        "where the server is (default: PANDASTACK_API_URL, the config file, http://127.0.0.1:8080)",
      ),
    )
    .addHelpText("after", `\nExample:\n  $ ${text.example}`);
}

/** `pandastack <noun> <verb>`. */
export function newGroup(name: string, summary: string, commands: Command[]): Command {
  const group = new Command(name).summary(summary).description(summary);
  for (const command of commands) group.addCommand(command);
  return group;
}

export function clientFor(options: CommonOptions): PandaStack {
  return new PandaStack({ baseUrl: options.apiUrl });
}

/** A whole number from `min` on, as an argument parser. */
export function wholeNumber(min: number, max: number = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max)
      throw new InvalidArgumentError(
        `a whole number from ${min}${max === Number.MAX_SAFE_INTEGER ? "" : ` to ${max}`} is needed.`,
      );
    return value;
  };
}

/** Collects `--flag a=b --flag c=d` into a map. */
export function keyValues(text: string, previous: Record<string, string> = {}): Record<string, string> {
  const split = text.indexOf("=");
  if (split <= 0) throw new InvalidArgumentError(`"${text}" is not of the form key=value.`);
  return { ...previous, [text.slice(0, split)]: text.slice(split + 1) };
}

/** Collects `--flag a --flag b` into a list. */
export function several(text: string, previous: string[] = []): string[] {
  return [...previous, text];
}
