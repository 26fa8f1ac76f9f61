/** `npm start`: sets the machine up, then supervises the server until it is told to stop. */
import { reporterFor, setUp } from "./set-up.ts";
import { readSettings } from "./settings.ts";
import { defaultCommands } from "./supervisor/plans.ts";
import { runServer } from "./supervisor/run-server.ts";

const settings = readSettings();
const reporter = reporterFor(settings);
await runServer({
  settings,
  env: process.env,
  setUp: () => setUp(settings, reporter),
  commands: defaultCommands(settings.repository),
  say: (text) => reporter.line(text),
  log: (text) => reporter.log(text),
});
