import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hashParts } from "../cache/hash.ts";
import type { Step } from "../steps/step.ts";
import { runTool } from "../tools/run-tool.ts";
import { findNpmCli, npmEnvironment } from "./npm.ts";

/** `npm ci`, unless node_modules is what package-lock.json asks for already. */
export function npmPackages(repository: string): Step {
  const stamp = join(repository, "node_modules", ".pandastack-lock");
  const wanted = (): string => hashParts(readFileSync(join(repository, "package-lock.json")));
  return {
    name: "npm packages",
    needs: [],
    isDone: () =>
      existsSync(stamp) ? readFileSync(stamp, "utf8") === wanted() : isInstalledByHand(repository, stamp, wanted()),
    run: async (context) => {
      const args = [findNpmCli(), "ci", "--no-audit", "--no-fund"];
      await runTool(process.execPath, args, { cwd: repository, log: context.log, env: npmEnvironment() });
      writeFileSync(stamp, wanted());
    },
  };
}

/** A developer's own `npm ci`: npm's record of what it installed is newer than the lock file and names the same packages. */
function isInstalledByHand(repository: string, stamp: string, wanted: string): boolean {
  const installed = join(repository, "node_modules/.package-lock.json");
  if (!existsSync(installed)) return false;
  type Lock = { packages: Record<string, { version?: string; optional?: boolean; link?: boolean }> };
  const read = (path: string): Lock["packages"] => (JSON.parse(readFileSync(path, "utf8")) as Lock).packages;
  const there = read(installed);
  const asked = Object.entries(read(join(repository, "package-lock.json"))).filter(([path]) =>
    path.includes("node_modules/"),
  );
  const isSame = asked.every(
    ([path, entry]) => there[path]?.version === entry.version && (path in there || entry.optional === true),
  );
  if (isSame) writeFileSync(stamp, wanted);
  return isSame;
}
