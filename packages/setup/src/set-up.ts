import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Artifacts } from "../../host-agent/src/images/artifacts.ts";
import { artifactBuild } from "./artifacts/build.ts";
import { readGuestCertificates } from "./artifacts/rootfs/guest-ca.ts";
import { openCache } from "./cache/cache.ts";
import { entriesNamedIn, rememberUser } from "./cache/users.ts";
import { npmPackages } from "./host/npm-packages.ts";
import { rust } from "./host/rust.ts";
import { systemPackages } from "./host/system-packages.ts";
import type { Settings } from "./settings.ts";
import { createReporter, type Reporter, seconds } from "./steps/reporter.ts";
import { runSteps } from "./steps/run-steps.ts";

export interface SetUpResult {
  readonly artifacts: Artifacts;
  readonly artifactsFile: string;
  /** Folder with bin/, lib/ and share/ of PostgreSQL. */
  readonly postgres: string;
}

/** Everything that must be there before PandaStack runs: programs, packages, machine parts. Quick when all of it is. */
export async function setUp(settings: Settings, reporter: Reporter = reporterFor(settings)): Promise<SetUpResult> {
  const started = performance.now();
  // What goes into the cache is for unprivileged processes too, whatever the user's umask says.
  process.umask(0o022);
  makeDataDir(settings.dataDir);
  const cache = openCache(settings.cacheDir);
  const build = artifactBuild({
    cache,
    repository: settings.repository,
    agentCrate: process.env["PANDASTACK_AGENT_CRATE"] ?? join(settings.repository, "native/guest-agent"),
    runsc: settings.runsc,
    runscModule: join(settings.repository, "native/runsc"),
    mirror: settings.debianMirror,
    certificates: readGuestCertificates(settings.guestCa),
  });
  reporter.line(`Setting up (cache ${settings.cacheDir})`);
  await runSteps([systemPackages(), rust(), npmPackages(settings.repository), ...build.steps], reporter);
  reporter.line(`Set up in ${seconds(performance.now() - started)}`);
  const artifacts = build.artifacts();
  const artifactsFile = join(settings.dataDir, "artifacts.json");
  writeFileSync(artifactsFile, `${JSON.stringify(artifacts, undefined, 2)}\n`, { mode: 0o644 });
  const postgres = build.postgres();
  const { dataDir, cacheDir } = settings;
  rememberUser(cacheDir, { dataDir, needs: entriesNamedIn(cacheDir, [artifacts, postgres, process.execPath]) });
  return { artifacts, artifactsFile, postgres };
}

export function reporterFor(settings: Settings): Reporter {
  makeDataDir(settings.dataDir);
  return createReporter({ logFile: join(settings.dataDir, "logs", "setup.log") });
}

function makeDataDir(dataDir: string): void {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  chmodSync(dataDir, 0o700);
}
