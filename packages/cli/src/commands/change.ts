import type { Sandbox } from "@pandastack/sdk";
import type { Command } from "commander";
import { clientFor, type CommonOptions, newCommand } from "../command.ts";
import { printJson } from "../output.ts";

type Verb = "pause" | "resume" | "hibernate" | "wake" | "kill";

const summaries: Record<Verb, string> = {
  pause: "stop a sandbox's processor, keep its memory",
  resume: "let a paused sandbox go on",
  hibernate: "write a sandbox's memory to disk and free the host's",
  wake: "bring a hibernated sandbox back",
  kill: "remove sandboxes with all that is in them",
};

/** The verbs that change a state and have nothing to say but that they did. Each takes any number of sandboxes. */
export function changeCommands(): Command[] {
  return (Object.keys(summaries) as Verb[]).map((verb) =>
    newCommand({ name: verb, summary: summaries[verb], example: `pandastack ${verb} 4f9k2m7x1q8w3e5r6t0y` })
      .aliases(verb === "kill" ? ["rm", "delete"] : [])
      .argument("<id...>", "sandboxes")
      .action(async (ids: string[], options: CommonOptions) => {
        const changed: Sandbox["info"][] = [];
        for (const id of ids) {
          const sandbox = await clientFor(options).sandboxes.get(id);
          await sandbox[verb]();
          changed.push(sandbox.info);
        }
        if (options.json) printJson(changed.map(({ id, status }) => ({ id, status })));
      }),
  );
}
