import { Argument, type Command } from "commander";
import { newCommand } from "../command.ts";
import { printLine } from "../output.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;
type Shell = (typeof SHELLS)[number];

export function completionCommand(): Command {
  const command = newCommand({
    name: "completion",
    summary: "print what makes a shell complete commands and options",
    example: "pandastack completion bash > /etc/bash_completion.d/pandastack",
    more: "zsh: `pandastack completion zsh > ~/.zfunc/_pandastack`, with ~/.zfunc in fpath. fish: `pandastack completion fish > ~/.config/fish/completions/pandastack.fish`.",
  }).addArgument(new Argument("<shell>", "which").choices(SHELLS));
  return command.action((shell: Shell) => {
    const root = command.parent!;
    if (shell === "fish") printLine(forFish(root));
    else printLine(shell === "zsh" ? forZsh(root) : forBash(root));
  });
}

/** Everything that can be typed after a command: `words` is the command, "" the program itself. */
interface Place {
  readonly words: string;
  readonly commands: readonly Command[];
  readonly options: readonly { readonly flag: string; readonly description: string }[];
}

function placesOf(root: Command): Place[] {
  const places: Place[] = [];
  const visit = (command: Command, words: string[]): void => {
    const options = command.options
      .filter(({ hidden }) => !hidden)
      .flatMap(({ long, description }) => (long ? [{ flag: long, description }] : []));
    const inner = command.commands.filter((each) => each.name() !== "help");
    places.push({
      words: words.join(" "),
      commands: inner,
      options: [...options, { flag: "--help", description: "" }],
    });
    for (const each of inner) visit(each, [...words, each.name()]);
  };
  visit(root, []);
  return places;
}

/** Where a group is, the next word is its command; else options are offered, and files. */
function forBash(root: Command): string {
  const cases = placesOf(root).map(({ words, commands, options }) => {
    const offered = [...commands.map((each) => each.name()), ...options.map(({ flag }) => flag)].join(" ");
    return `    '${words}') offered='${offered}' ;;`;
  });
  const groups = placesOf(root)
    .filter(({ words, commands }) => words !== "" && commands.length > 0)
    .map(({ words }) => words);
  return `_pandastack() {
  local current="\${COMP_WORDS[COMP_CWORD]}" at="" offered=""
  if ((COMP_CWORD > 1)); then
    at="\${COMP_WORDS[1]}"
    case " ${groups.join(" ")} " in *" $at "*) ((COMP_CWORD > 2)) && at="$at \${COMP_WORDS[2]}" ;; esac
  fi
  case "$at" in
${cases.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$offered" -- "$current"))
}
complete -o default -F _pandastack pandastack`;
}

function forZsh(root: Command): string {
  return `#compdef pandastack
autoload -U +X bashcompinit && bashcompinit
${forBash(root)}`;
}

function forFish(root: Command): string {
  const quote = (text: string) => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
  const lines = placesOf(root).flatMap(({ words, commands, options }) => {
    const names = words.split(" ");
    const here =
      words === ""
        ? "__fish_use_subcommand"
        : names.map((name) => `__fish_seen_subcommand_from ${name}`).join("; and ");
    return [
      ...commands.map(
        (each) => `complete -c pandastack -f -n ${quote(here)} -a ${each.name()} -d ${quote(each.summary())}`,
      ),
      ...options.map(
        ({ flag, description }) =>
          `complete -c pandastack -n ${quote(here)} -l ${flag.slice(2)} -d ${quote(description.split("\n")[0] ?? "")}`,
      ),
    ];
  });
  return lines.join("\n");
}
