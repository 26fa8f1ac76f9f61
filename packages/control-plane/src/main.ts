/**
 * The control plane's process. Started as root it loads everything, drops to PANDASTACK_UID and only then connects and
 * listens; started as anyone else it stays that.
 */
import { createLogger, startTracing } from "@pandastack/platform";
import { makeControlPlane } from "./main/control-plane.ts";
import { dropPrivileges } from "./main/privileges.ts";
import { BadSettings, readSettings } from "./main/settings.ts";

const log = createLogger("control-plane");

try {
  const settings = readSettings(process.env);
  // Children are never started, but whatever reads the environment later (a crash report, a debugger) finds no secret in it.
  delete process.env["PANDASTACK_API_KEY"];
  delete process.env["DATABASE_URL"];
  const stopTracing = await startTracing("pandastack-control-plane", log);
  const controlPlane = await makeControlPlane(settings, log);
  dropPrivileges(settings.runAs);
  let isStopping = false;
  const stop = (signal: string) => {
    if (isStopping) return;
    isStopping = true;
    log.info({ signal }, "stopping");
    void controlPlane
      .stop()
      .then(stopTracing)
      .then(
        () => process.exit(0),
        (error: unknown) => {
          log.error({ err: error }, "stopping failed");
          process.exit(1);
        },
      );
  };
  process.on("SIGTERM", () => stop("SIGTERM"));
  process.on("SIGINT", () => stop("SIGINT"));
  await controlPlane.start();
} catch (error) {
  if (error instanceof BadSettings) process.stderr.write(`${error.message}\n`);
  else log.fatal({ err: error }, "the control plane cannot start");
  process.exit(1);
}
