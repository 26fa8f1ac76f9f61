/** `npm start` without the set-up, and with the stand-ins beside this file. */
import { join } from "node:path";
import { runServer } from "../../src/supervisor/run-server.ts";
import { readSettings } from "../../src/settings.ts";
import { defaultCommands } from "../../src/supervisor/plans.ts";

const { controlPlane } = defaultCommands("/");
const standIn = (name: string): string => join(import.meta.dirname, name);

await runServer({
  settings: readSettings(),
  env: process.env,
  setUp: () => Promise.resolve({ postgres: process.env["PANDASTACK_TEST_POSTGRES"] as string }),
  commands: {
    hostAgent: [process.execPath, standIn("host-agent.ts")],
    controlPlane: [...controlPlane.slice(0, -1), standIn("control-plane.ts")],
  },
  say: (text) => process.stdout.write(`${text}\n`),
  log: () => {},
});
