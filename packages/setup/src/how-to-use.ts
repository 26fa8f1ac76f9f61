import { join } from "node:path";

/** The first things that someone wants to type. */
export function howToUse(url: string, dataDir: string): string {
  return [
    "",
    `  npx pandastack create                        a sandbox from the command line`,
    `  curl -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' -d '{}' ${url}/v1/sandboxes`,
    `  ${url}/docs                   the whole API`,
    "",
    `  Logs: ${join(dataDir, "logs")}   Stop: Ctrl-C or SIGTERM`,
    "",
  ].join("\n");
}
