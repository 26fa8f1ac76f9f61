import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** What this machine says where a program says nothing. Browsers have `settings.browser.ts` in its place. */
export type Environment = Readonly<Record<string, string | undefined>>;

export const environment = (): Environment => process.env;

/** `$XDG_CONFIG_HOME/pandastack/config.json`, by default under `~/.config`. */
export function configPath(env: Environment = environment()): string {
  return join(env["XDG_CONFIG_HOME"] || join(env["HOME"] || homedir(), ".config"), "pandastack", "config.json");
}

/** Undefined where it cannot be read. */
export function readConfigText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
