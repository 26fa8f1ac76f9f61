import type { OnIdle } from "@pandastack/sdk";
import { Argument, type Command } from "commander";
import { clientFor, type CommonOptions, newCommand, wholeNumber } from "../command.ts";
import { formatFields, printJson, printLine } from "../output.ts";

export function idleCommand(): Command {
  return newCommand({
    name: "idle",
    summary: "say what becomes of a sandbox once nobody uses it and its network is silent",
    example: "pandastack idle 4f9k2m7x1q8w3e5r6t0y hibernate --after 120",
    more: "Using a hibernated sandbox wakes it. Takes the place of its TTL; `off` gives it the server's default TTL again.",
  })
    .argument("<id>", "sandbox")
    .addArgument(new Argument("<what>").choices(["hibernate", "kill", "off"]))
    .option("--after <seconds>", "idle time (default: as it is, else 300)", wholeNumber(1))
    .action(async (id: string, what: OnIdle | "off", options: CommonOptions & { after?: number }) => {
      const sandbox = await clientFor(options).sandboxes.get(id);
      const onIdle = what === "off" ? null : what;
      const lifecycle = await sandbox.setLifecycle({ onIdle, idleTimeoutSeconds: options.after });
      if (options.json) printJson(lifecycle);
      else printLine(formatFields(lifecycle));
    });
}
