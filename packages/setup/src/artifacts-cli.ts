/** Builds everything that goes into the cache and prints the Artifacts as JSON; progress goes to stderr. */
import { join } from "node:path";
import { setUp } from "./set-up.ts";
import { readSettings } from "./settings.ts";
import { createReporter } from "./steps/reporter.ts";
import { StepFailed } from "./steps/step.ts";

const settings = readSettings();
const reporter = createReporter({
  logFile: join(settings.dataDir, "logs", "setup.log"),
  write: (line) => process.stderr.write(`${line}\n`),
});
try {
  const { artifacts } = await setUp(settings, reporter);
  process.stdout.write(`${JSON.stringify(artifacts, undefined, 2)}\n`);
} catch (error) {
  if (!(error instanceof StepFailed)) throw error;
  process.exitCode = 1;
}
