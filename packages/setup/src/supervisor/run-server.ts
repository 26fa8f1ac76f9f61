import { howToUse } from "../how-to-use.ts";
import type { Settings } from "../settings.ts";
import { seconds } from "../steps/reporter.ts";
import { StepFailed } from "../steps/step.ts";
import type { Say } from "./child.ts";
import { lockDataDir } from "./data-lock.ts";
import { parseListenAddress } from "./listen-address.ts";
import type { Commands } from "./plans.ts";
import { Supervisor } from "./supervisor.ts";

export interface RunServerOptions {
  readonly settings: Settings;
  readonly env: NodeJS.ProcessEnv;
  /** Done with the data folder locked. */
  readonly setUp: () => Promise<{ postgres: string }>;
  readonly setUpAgain: () => Promise<void>;
  readonly commands: Commands;
  readonly say: Say;
  readonly log: (text: string) => void;
}

const DEFAULT_LISTEN = "127.0.0.1:8080";
const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;
/** Ends the supervisor alone: what it supervises goes on, and the next start takes it over. For restarts and upgrades. */
const LEAVE_SIGNAL = "SIGUSR2";

/** The whole life of the process behind `npm start`: lock, set-up, serving until a signal, stopping. Ends the process. */
export async function runServer(options: RunServerOptions): Promise<void> {
  const { settings, env, say } = options;
  const startedAt = performance.now();
  let supervisor: Supervisor | undefined;
  let isStopping = false;

  const stop = async (exitCode: number): Promise<void> => {
    // npm and a terminal's process group may both send the signal.
    if (isStopping) return;
    isStopping = true;
    // During set-up: what runs dies with us, and what is half-made is made again.
    if (supervisor === undefined) process.exit(exitCode === 0 ? 130 : exitCode);
    say("Stopping; running sandboxes are hibernated");
    try {
      await supervisor.stop();
      say("Stopped");
      process.exit(exitCode);
    } catch (error) {
      say(`Not everything could be cleaned up: ${messageOf(error)}`);
      process.exit(1);
    }
  };
  // Whoever reads our output may go away (npm killed, a closed terminal): that is no reason to stop serving.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
  for (const signal of SIGNALS) process.on(signal, () => void stop(0));
  // A server that serves one program, a test run say, ends with it, however that ends.
  if (env["PANDASTACK_STOP_AT_EOF"] === "1") process.stdin.resume().once("end", () => void stop(0));
  process.on(LEAVE_SIGNAL, () => {
    if (isStopping) return;
    say("Leaving; sandboxes and the server's parts go on until the next start takes them over");
    process.exit(0);
  });

  try {
    const listen = parseListenAddress(
      env["PANDASTACK_LISTEN"] || DEFAULT_LISTEN,
      env["PANDASTACK_TLS_CERT"] ? "https" : "http",
    );
    // Never released: the kernel does it when this process ends, however it ends.
    await lockDataDir(settings.dataDir, env["PANDASTACK_LAUNCHERS"]);
    const { postgres } = await options.setUp();
    const databaseUrl = env["DATABASE_URL"] || undefined;
    supervisor = await Supervisor.create({ ...options, listen, postgresPrograms: postgres, databaseUrl });
    await supervisor.start();
    await supervisor.ready();
    if (isStopping) return;
    supervisor.announceFirstToken();
    say(`PandaStack is ready on ${listen.url} (${seconds(performance.now() - startedAt)})`);
    say(howToUse(listen.url, settings.dataDir));
  } catch (error) {
    // A failed step has been told already.
    if (!(error instanceof StepFailed)) process.stderr.write(`${messageOf(error)}\n`);
    await stop(1);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
