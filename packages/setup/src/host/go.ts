import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { runTool } from "../tools/run-tool.ts";

/** Where Go is put by its own archive and by distributions that have several, newest first. */
const FOLDERS = ["/usr/local/go/bin", ...[30, 29, 28, 27, 26].map((minor) => `/usr/lib/go-1.${minor}/bin`), "/usr/bin"];

/** The first installed `go` that is at least `oldest` ("1.26.3"); undefined when there is none. */
export async function findGo(
  oldest: string,
  folders: readonly string[] = [...(process.env["PATH"] ?? "").split(delimiter), ...FOLDERS],
): Promise<string | undefined> {
  for (const folder of new Set(folders)) {
    const path = join(folder, "go");
    if (folder !== "" && isExecutable(path) && isGoAtLeast(await versionOf(path), oldest)) return path;
  }
  return undefined;
}

/** Asked in `/`, and to answer for itself: a go.mod of the current folder may call in another toolchain. */
async function versionOf(path: string): Promise<string> {
  const env = { ...process.env, GOTOOLCHAIN: "local" };
  return runTool(path, ["env", "GOVERSION"], { life: "plain", cwd: "/", env }).catch(() => "");
}

/** `said`: "go1.26.6", as `go env GOVERSION` has it. */
export function isGoAtLeast(said: string, oldest: string): boolean {
  const version = /^go(\d+)\.(\d+)(?:\.(\d+))?/.exec(said);
  if (version === null) return false;
  const has = [1, 2, 3].map((part) => Number(version[part] ?? 0));
  const needs = oldest.split(".").map(Number);
  const differs = has.findIndex((part, index) => part !== (needs[index] ?? 0));
  return differs === -1 || has[differs]! > (needs[differs] ?? 0);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
