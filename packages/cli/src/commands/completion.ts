import type { PandaStack } from "@pandastack/sdk";
import { PandaStackError } from "@pandastack/sdk";
import { Argument, Command } from "commander";
import { clientFor, newCommand } from "../command.ts";
import { forBash } from "../completion/bash.ts";
import { forFish } from "../completion/fish.ts";
import { type NameKind, nameKinds } from "../completion/kinds.ts";
import { printLine } from "../output.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;
type Shell = (typeof SHELLS)[number];

/** Nobody waits longer for a key that they pressed. */
const NAMES_TIMEOUT_MS = 2000;

export function completionCommand(): Command {
  const command = newCommand({
    name: "completion",
    summary: "print what makes a shell complete commands, options, sandboxes' ids and templates' names",
    example: "pandastack completion bash > /etc/bash_completion.d/pandastack",
    more: "bash, for this shell alone: `. <(pandastack completion bash)`. zsh: `pandastack completion zsh > ~/.zfunc/_pandastack`, with ~/.zfunc in fpath. fish: `pandastack completion fish > ~/.config/fish/completions/pandastack.fish`.",
  }).addArgument(new Argument("<shell>", "which").choices(SHELLS));
  return command.action((shell: Shell) => {
    const root = command.parent!;
    if (shell === "fish") printLine(forFish(root));
    else printLine(shell === "zsh" ? forZsh(root) : forBash(root));
  });
}

function forZsh(root: Command): string {
  return `#compdef pandastack
autoload -U +X bashcompinit && bashcompinit
${forBash(root)}`;
}

/** What the scripts call: a name and what it is a line. Says nothing where the server does not. */
export function namesCommand(): Command {
  return new Command("__complete")
    .addArgument(new Argument("<kind>").choices(nameKinds))
    .action(async (kind: NameKind) => {
      const panda = clientFor({});
      const names = await namesOf(panda, kind).catch((error: unknown) => {
        if (error instanceof PandaStackError) return [];
        throw error;
      });
      for (const [name, text] of names) printLine(`${name}\t${text}`);
    });
}

async function namesOf(panda: PandaStack, kind: NameKind): Promise<[string, string][]> {
  const call = { timeoutMs: NAMES_TIMEOUT_MS };
  switch (kind) {
    case "sandboxes":
      return panda.sandboxes
        .list(call)
        .toArray()
        .then((all) => all.map(({ id, info }) => [id, `${info.status} ${info.template}`]));
    case "templates":
      return panda.templates
        .list(call)
        .toArray()
        .then((all) => all.map(({ name, label }) => [name, label ?? ""]));
    case "snapshots":
      return panda.snapshots
        .list(call)
        .toArray()
        .then((all) => all.map(({ id, template }) => [id, template]));
    case "volumes":
      return panda.volumes
        .list(call)
        .toArray()
        .then((all) => all.map(({ name, info }) => [name, `${info.size_mb} MiB`]));
    case "workspaces":
      return panda.workspaces
        .list(call)
        .toArray()
        .then((all) => all.map(({ slug, name }) => [slug, name]));
    case "tokens":
      return panda.tokens
        .list(call)
        .toArray()
        .then((all) => all.map(({ prefix, label }) => [prefix, label ?? ""]));
    case "builds":
      return panda.templates
        .builds(call)
        .toArray()
        .then((all) => all.map(({ id, name, status }) => [id, `${name} ${status}`]));
  }
}
