import type { Command } from "commander";
import type { Kind } from "./kinds.ts";
import { placesOf } from "./places.ts";

export function forFish(root: Command): string {
  const lines = placesOf(root).flatMap(({ words, commands, options, arguments: given }) => {
    const names = words.split(" ");
    const here =
      words === ""
        ? "__fish_use_subcommand"
        : names.map((name) => `__fish_seen_subcommand_from ${name}`).join("; and ");
    const start = `complete -c pandastack -n ${quote(here)}`;
    const offered = [...new Set(given.map(({ kind }) => wordsOf(kind)).filter((words) => words !== ""))];
    return [
      ...commands.map((each) => `${start} -f -a ${each.name()} -d ${quote(each.summary())}`),
      ...offered.map((each) => `${start} -a ${quote(each)}`),
      ...options.map(({ flags, description, kind }) => {
        const value = wordsOf(kind);
        return `${start} -l ${flags[0]!.slice(2)}${value === "" ? "" : ` -x -a ${quote(value)}`} -d ${quote(description)}`;
      }),
    ];
  });
  return lines.join("\n");
}

function wordsOf(kind: Kind): string {
  if (kind === undefined) return "";
  if (typeof kind !== "string") return kind.choices.join(" ");
  return `(pandastack __complete ${kind === "places" ? "sandboxes" : kind} 2>/dev/null)`;
}

const quote = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
