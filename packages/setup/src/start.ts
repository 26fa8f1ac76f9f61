/** `npm start`: sets the machine up, then supervises the server until it is told to stop. */
import { setUp, reporterFor } from "./set-up.ts";
import { readSettings } from "./settings.ts";
import { seconds } from "./steps/reporter.ts";
import { StepFailed } from "./steps/step.ts";
import { howToUse } from "./how-to-use.ts";
import { DataFolderInUse, lockDataDir } from "./supervisor/data-lock.ts";
import { parseListenAddress } from "./supervisor/listen-address.ts";
import { defaultCommands } from "./supervisor/plans.ts";
import { StartFailed } from "./supervisor/readiness.ts";
import { Supervisor } from "./supervisor/supervisor.ts";

const startedAt = performance.now();
// Whoever reads our output may go away (npm killed, a closed terminal): that is no reason to stop serving.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});

const { env } = process;
let supervisor: Supervisor | undefined;
let isStopping = false;
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => void stop());

async function stop(exitCode = 0): Promise<void> {
  // npm and a terminal's whole process group may send the same signal twice.
  if (isStopping) return;
  isStopping = true;
  // During set-up: what runs dies with us, what is half-made is made again.
  if (supervisor === undefined) process.exit(exitCode || 130);
  process.stdout.write("Stopping; running sandboxes are hibernated\n");
  try {
    await supervisor.stop();
    process.stdout.write("Stopped\n");
  } catch (error) {
    process.stderr.write(`Not everything could be cleaned up: ${messageOf(error)}\n`);
    exitCode = 1;
  }
  process.exit(exitCode);
}

try {
  const settings = readSettings();
  const listen = parseListenAddress(env["PANDASTACK_LISTEN"] || "127.0.0.1:8080");
  const held = await lockDataDir(settings.dataDir, env["PANDASTACK_LAUNCHERS"]);
  process.on("exit", () => held.release());
  const reporter = reporterFor(settings);
  const { postgres } = await setUp(settings, reporter);
  const say = (text: string): void => reporter.line(text);
  supervisor = await Supervisor.create({
    settings,
    listen,
    postgresPrograms: postgres,
    databaseUrl: env["DATABASE_URL"] || undefined,
    commands: defaultCommands(settings.repository),
    env,
    say,
    log: (text) => reporter.log(text),
  });
  await supervisor.start();
  await supervisor.ready();
  if (!isStopping) {
    supervisor.announceFirstToken();
    reporter.line(`PandaStack is ready on ${listen.url} (${seconds(performance.now() - startedAt)})`);
    reporter.line(howToUse(listen.url, settings.dataDir));
  }
} catch (error) {
  const isExpected = error instanceof StepFailed || error instanceof DataFolderInUse || error instanceof StartFailed;
  // A failed step has been told already.
  if (!(error instanceof StepFailed)) process.stderr.write(`${isExpected ? error.message : messageOf(error)}\n`);
  if (!isStopping) await stop(1);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
