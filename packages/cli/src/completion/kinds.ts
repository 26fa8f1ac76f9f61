import type { Argument, Command, Option } from "commander";

/** What the server can be asked the names of. */
export const nameKinds = ["sandboxes", "templates", "snapshots", "volumes", "workspaces", "tokens", "builds"] as const;
export type NameKind = (typeof nameKinds)[number];

/** What may stand somewhere: names that the server knows, one side of a copy, words that are known now, or files. */
export type Kind = NameKind | "places" | { readonly choices: readonly string[] } | undefined;

/** An argument's name says what it is, wherever it stands; `name` is what its group has. */
const BY_ARGUMENT: Readonly<Record<string, Kind>> = {
  id: "sandboxes",
  snapshot: "snapshots",
  slug: "workspaces",
  prefix: "tokens",
  build: "builds",
  from: "places",
  to: "places",
};
const BY_GROUP: Readonly<Record<string, Kind>> = { template: "templates", volume: "volumes" };
const BY_OPTION: Readonly<Record<string, Kind>> = {
  "--template": "templates",
  "--snapshot": "snapshots",
  "--sandbox": "sandboxes",
  "--workspace": "workspaces",
  "--volume": "volumes",
};

export function kindOfArgument(command: Command, argument: Argument): Kind {
  if (argument.argChoices !== undefined) return { choices: argument.argChoices };
  // A name that is given to something new is none that exists; only `cp` has its two sides.
  if (command.name() === "create" && argument.name() !== "id") return undefined;
  const group = command.parent?.name() ?? "";
  if (argument.name() === "name") return BY_GROUP[group];
  const kind = BY_ARGUMENT[argument.name()];
  return kind === "places" && command.name() !== "cp" ? undefined : kind;
}

/** Of an option's value. */
export function kindOfOption(option: Option): Kind {
  if (option.argChoices !== undefined) return { choices: option.argChoices };
  return option.long === undefined || option.long === null ? undefined : BY_OPTION[option.long];
}
