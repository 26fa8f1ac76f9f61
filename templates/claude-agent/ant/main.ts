import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import Anthropic from "@anthropic-ai/sdk";
import { EnvironmentWorker, WorkPoller } from "@anthropic-ai/sdk/helpers/beta/environments";
import { createLog, type Log } from "./log.ts";
import { type Options, readOptions, USAGE, WrongUsage } from "./options.ts";

/** What an agent is told to leave its results in, and whoever started this machine takes them from. */
const OUTPUTS = "/mnt/session/outputs";
const EXIT = { failed: 1, usage: 2 } as const;
const STOPPED_BY = ["SIGTERM", "SIGINT"] as const;

async function main(argv: readonly string[]): Promise<void> {
  if (argv.some((argument) => argument === "--help" || argument === "-h") || argv.length === 0)
    return void process.stdout.write(USAGE);
  const options = readOptions(argv, process.env, process.cwd());
  const log = createLog(options.logFormat);
  const stop = new AbortController();
  for (const signal of STOPPED_BY) process.once(signal, () => stop.abort(new Error(`stopped by ${signal}`)));
  makeFolders(options.workdir, log);
  const client = new Anthropic({ apiKey: null, authToken: options.environmentKey, logger: log, logLevel: "info" });
  if (options.command === "run") await runOne(client, options, stop.signal);
  else if (options.onWork === undefined) await worker(client, options).run(stop.signal);
  else await pollFor(options.onWork, { client, options, log, signal: stop.signal });
  log.info(stop.signal.aborted ? "stopped" : "done");
}

const worker = (client: Anthropic, { environmentId, environmentKey, workdir, maxIdleMs }: Options): EnvironmentWorker =>
  new EnvironmentWorker({ client, environmentId, environmentKey, workdir, maxIdleMs });

function runOne(client: Anthropic, options: Options, signal: AbortSignal): Promise<void> {
  const { sessionId, workId } = options;
  return worker(client, options).handleItem({
    ...(sessionId === undefined ? {} : { sessionId }),
    ...(workId === undefined ? {} : { workId }),
    signal,
  });
}

/** Each item is the program's business, from its lease to its end; this only claims them. */
async function pollFor(
  program: string,
  { client, options, log, signal }: { client: Anthropic; options: Options; log: Log; signal: AbortSignal },
): Promise<void> {
  const { environmentId, environmentKey, workdir } = options;
  for await (const work of new WorkPoller({ client, environmentId, environmentKey, autoStop: false, signal })) {
    if (work.data.type !== "session") continue;
    const env = {
      ...process.env,
      ANTHROPIC_ENVIRONMENT_ID: environmentId,
      ANTHROPIC_ENVIRONMENT_KEY: environmentKey,
      ANTHROPIC_SESSION_ID: work.data.id,
      ANTHROPIC_WORK_ID: work.id,
      ...(work.secret ? { ANTHROPIC_WORK_SECRET: work.secret } : {}),
    };
    const code = await new Promise<number | null>((resolve, reject) => {
      const child = spawn(program, [], { cwd: workdir, env, stdio: "inherit" });
      child.once("error", reject);
      child.once("exit", resolve);
    });
    log.info("program ended", { program, work_id: work.id, exit_code: code });
  }
}

function makeFolders(workdir: string, log: Log): void {
  mkdirSync(workdir, { recursive: true });
  try {
    mkdirSync(OUTPUTS, { recursive: true });
  } catch (error) {
    log.warn("no folder for outputs", { path: OUTPUTS, error: String(error) });
  }
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  const isUsage = error instanceof WrongUsage;
  process.stderr.write(`ant: ${error instanceof Error ? error.message : String(error)}\n${isUsage ? USAGE : ""}`);
  process.exitCode = isUsage ? EXIT.usage : EXIT.failed;
}
