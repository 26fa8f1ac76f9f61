/** `npm start`: sets the machine up, then supervises the server until it is told to stop. */
import { join } from "node:path";
import { reporterFor, setUp } from "./set-up.ts";
import { readSettings } from "./settings.ts";
import { defaultCommands } from "./supervisor/plans.ts";
import { runServer } from "./supervisor/run-server.ts";
import { runTool } from "./tools/run-tool.ts";

const settings = readSettings();
const reporter = reporterFor(settings);
await runServer({
  settings,
  env: process.env,
  setUp: () => setUp(settings, reporter),
  setUpAgain: async () => {
    const program = join(settings.repository, "packages/setup/src/artifacts-cli.ts");
    await runTool(process.execPath, ["--disable-warning=ExperimentalWarning", program], {
      life: "outlives-us",
      env: { ...process.env, PANDASTACK_DATA_DIR: settings.dataDir, PANDASTACK_CACHE_DIR: settings.cacheDir },
      log: (text) => reporter.log(text),
    });
  },
  commands: defaultCommands(settings.repository),
  say: (text) => reporter.line(text),
  log: (text) => reporter.log(text),
});
