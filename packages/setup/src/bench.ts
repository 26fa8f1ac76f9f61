/** `npm run bench`: sets the machine up, then measures. Arguments are the bench's own. */
import { join } from "node:path";
import { hasHostCertificates } from "./artifacts/rootfs/guest-ca.ts";
import { reporterFor, setUp } from "./set-up.ts";
import { readSettings } from "./settings.ts";
import { runStage } from "./stages.ts";
import { StepFailed } from "./steps/step.ts";

// The bench's server is started with it where the host has such certificates (tests/e2e/support): build for that one.
if (hasHostCertificates()) process.env["PANDASTACK_GUEST_CA"] ??= "host";
const settings = readSettings();

try {
  await setUp(settings, reporterFor(settings));
  const args = [join(settings.repository, "tests/bench/main.ts"), ...process.argv.slice(2)];
  process.exitCode = await runStage({ name: "bench", file: process.execPath, args }, settings.repository);
} catch (error) {
  // It has been told already.
  if (!(error instanceof StepFailed)) throw error;
  process.exitCode = 1;
}
