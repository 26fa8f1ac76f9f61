import { existsSync, realpathSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";

/**
 * The host's npm as a script for our own Node: the Node 24 that comes as an npm package has none. `npm_execpath` is set under
 * `npm start`.
 */
export function findNpmCli(): string {
  const fromPath = (process.env["PATH"] ?? "")
    .split(delimiter)
    .map((folder) => join(folder, "npm"))
    .flatMap((path) =>
      existsSync(path) ? [realpathSync(path), join(dirname(path), "../lib/node_modules/npm/bin/npm-cli.js")] : [],
    );
  const candidates = [process.env["npm_execpath"] ?? "", ...fromPath, "/usr/share/nodejs/npm/bin/npm-cli.js"];
  const found = candidates.find((path) => path.endsWith("npm-cli.js") && existsSync(path));
  if (found === undefined) throw new Error("npm was not found: install npm beside Node");
  return found;
}

/** Environment for npm runs: `nodedir` of a user's npmrc names the headers of another Node, which add-ons would be built against. */
export function npmEnvironment(): NodeJS.ProcessEnv {
  const ours = dirname(dirname(process.execPath));
  return {
    ...process.env,
    npm_config_nodedir: ours,
    npm_config_update_notifier: "false",
    npm_config_loglevel: "error",
  };
}
