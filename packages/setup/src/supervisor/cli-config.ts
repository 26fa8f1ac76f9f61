import { chownSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { writeFileWhole } from "../tools/write-file-whole.ts";

/**
 * Saves the first admin token where the command line looks for it. Another server's entry stays: it may be all that its owner
 * has. Returns what happened, for the user.
 */
export function saveForCli(entry: { apiUrl: string; token: string }, env: NodeJS.ProcessEnv = process.env): string {
  const file = join(env["XDG_CONFIG_HOME"] || join(env["HOME"] || homedir(), ".config"), "pandastack", "config.json");
  const before = readConfig(file);
  if (before !== undefined && before.apiUrl !== entry.apiUrl) {
    return `${file} is another server's (${before.apiUrl}) and stays as it is; for this one set PANDASTACK_API_URL=${entry.apiUrl} and PANDASTACK_API_KEY`;
  }
  const missing = [dirname(file), dirname(dirname(file))].filter((folder) => !existsSync(folder));
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileWhole(file, `${JSON.stringify(entry, undefined, 2)}\n`, 0o600);
  for (const path of [file, ...missing]) giveToInvoker(path, env["PANDASTACK_INVOKER"]);
  const replaced =
    before !== undefined && before.token !== entry.token ? ", in place of a former server's on this address" : "";
  return `saved for the command line in ${file}${replaced}`;
}

function readConfig(file: string): { apiUrl: string; token: string } | undefined {
  try {
    const { apiUrl, token } = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
    return typeof apiUrl === "string" ? { apiUrl, token: String(token) } : undefined;
  } catch {
    return undefined;
  }
}

/** `uid:gid` of the user who called sudo. */
function giveToInvoker(path: string, invoker: string | undefined): void {
  const match = /^(\d+):(\d+)$/.exec(invoker ?? "");
  if (match !== null) chownSync(path, Number(match[1]), Number(match[2]));
}
