import type { Command } from "commander";
import { type CommonOptions, newCommand } from "../command.ts";
import { printJsonLine, printLine } from "../output.ts";
import { loadUpkeep, requireRoot } from "../upkeep.ts";

export function upgradeCommand(): Command {
  return newCommand({
    name: "upgrade",
    summary: "start the server on this machine anew from its code, while sandboxes run on",
    example: "pandastack upgrade",
    more: [
      "Run on the server's machine, as root, after `git pull && npm ci`. Sets up what new code needs, then",
      "starts host agent and control plane anew, one after the other. Sandboxes notice nothing; calls are told to try again for a moment.",
      "The supervisor itself and PostgreSQL are upgraded by the next npm start.",
    ].join(" "),
  }).action(async (options: CommonOptions) => {
    requireRoot("upgrade");
    const { findPlace } = await loadUpkeep(() => import("@pandastack/setup/upkeep/place"));
    const { askForUpgrade } = await loadUpkeep(() => import("@pandastack/setup/upkeep/upgrade"));
    await askForUpgrade(findPlace().settings.dataDir, (step) => {
      if (options.json) return void printJsonLine(step);
      printLine(step.pid === undefined ? step.step : `${step.step}: process ${step.from_pid ?? "-"}, now ${step.pid}`);
    });
    if (!options.json) printLine("upgraded");
  });
}
