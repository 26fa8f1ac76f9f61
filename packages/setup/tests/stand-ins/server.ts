/** `npm start` without the set-up, and with the stand-ins beside this file. */
import { join } from "node:path";
import { runServer } from "../../src/supervisor/run-server.ts";
import { readSettings } from "../../src/settings.ts";

const standIn = (name: string): string[] => [process.execPath, join(import.meta.dirname, name)];

await runServer({
  settings: readSettings(),
  env: process.env,
  setUp: () => Promise.resolve({ postgres: process.env["PANDASTACK_TEST_POSTGRES"] as string }),
  setUpAgain: () => Promise.resolve(),
  commands: { hostAgent: standIn("host-agent.ts"), controlPlane: standIn("control-plane.ts") },
  say: (text) => process.stdout.write(`${text}\n`),
  log: () => {},
});
