import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

const SRC = join(import.meta.dirname, "../src");
/** Between our own processes, or for developing the guest agent. */
const INTERNAL = new Set(["PANDASTACK_LAUNCHERS", "PANDASTACK_INVOKER", "PANDASTACK_AGENT_CRATE"]);

/** Variables in the help text, and those that the code asks for. */
export function parseEnvironmentHelp(): { named: string[]; read: string[] } {
  const help = readFileSync(join(SRC, "help.txt"), "utf8");
  const files = readdirSync(SRC, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
  const code = files.map((name) => readFileSync(join(SRC, name), "utf8")).join("\n");
  const read = [...code.matchAll(/(?:env\[|given\()"(PANDASTACK_\w+)"/g)].map((match) => match[1] as string);
  return { named: help.match(/PANDASTACK_\w+/g) ?? [], read: [...new Set(read)].filter((name) => !INTERNAL.has(name)) };
}
