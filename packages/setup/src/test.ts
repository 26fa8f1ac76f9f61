/**
 * `npm test`: sets the machine up, then every test there is. `npm test -- --project unit` (or any other arguments of vitest)
 * runs only that.
 */
import { join } from "node:path";
import { cargoCommand } from "./artifacts/guest-agent.ts";
import { openCache } from "./cache/cache.ts";
import { findNpmCli } from "./host/npm.ts";
import { reporterFor, setUp } from "./set-up.ts";
import { readSettings } from "./settings.ts";
import { hasHostCertificates } from "./artifacts/rootfs/guest-ca.ts";
import { runStage, runStages, summary } from "./stages.ts";
import { StepFailed } from "./steps/step.ts";

// Guests are to reach package registries in tests, also where TLS is inspected.
if (hasHostCertificates()) process.env["PANDASTACK_GUEST_CA"] ??= "host";
const settings = readSettings();
const chosen = process.argv.slice(2);

async function test(): Promise<number> {
  await setUp(settings, reporterFor(settings));
  const vitest = {
    name: "tests",
    file: process.execPath,
    args: [join(settings.repository, "node_modules/vitest/vitest.mjs"), "run", ...chosen],
  };
  if (chosen.length > 0) return runStage(vitest, settings.repository);
  const agent = await cargoCommand(openCache(settings.cacheDir), join(settings.repository, "native/guest-agent"), [
    "test",
    "--quiet",
  ]);
  const stages = [
    { name: "types, lint and format", file: process.execPath, args: [findNpmCli(), "run", "--silent", "check"] },
    { name: "guest agent", ...agent },
    vitest,
  ];
  const outcomes = await runStages(stages, settings.repository);
  process.stdout.write(summary(outcomes));
  return outcomes.every((outcome) => outcome.exitCode === 0) ? 0 : 1;
}

try {
  process.exitCode = await test();
} catch (error) {
  // It has been told already.
  if (!(error instanceof StepFailed)) throw error;
  process.exitCode = 1;
}
