import { parseArgs } from "node:util";

export const USAGE = `usage: ant beta:worker run  [options]                    serve the session of one work item that was claimed already
       ant beta:worker poll [options] [--on-work PROGRAM]  claim work items, one after the other, and serve each

  --environment-id ID       default: ANTHROPIC_ENVIRONMENT_ID
  --environment-key KEY     default: ANTHROPIC_ENVIRONMENT_KEY
  --session-id, --work-id   run: default ANTHROPIC_SESSION_ID, ANTHROPIC_WORK_ID
  --workdir FOLDER          where tools work and skills are put (default: the current folder)
  --max-idle DURATION       until the end once the session waits for its user, as 60s, 5m, 1h (default 60s; 0: never)
  --log-format text|json    default text; on standard error
  --on-work PROGRAM         poll: run this for each item instead, with ANTHROPIC_* in its environment
`;

export interface Options {
  readonly command: "run" | "poll";
  readonly environmentId: string;
  readonly environmentKey: string;
  readonly sessionId: string | undefined;
  readonly workId: string | undefined;
  readonly workdir: string;
  readonly maxIdleMs: number;
  readonly logFormat: "text" | "json";
  readonly onWork: string | undefined;
}

/** Said by the caller and wrong. */
export class WrongUsage extends Error {}

const DEFAULT_MAX_IDLE = "60s";
const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** `90s`, `5m`, `1.5h`; 0 means that there is no such limit. */
export function readDuration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text);
  if (match === null) {
    if (text === "0") return 0;
    throw new WrongUsage(`--max-idle: ${JSON.stringify(text)} is no duration such as 60s, 5m or 1h`);
  }
  return Math.round(Number(match[1]) * UNITS_MS[match[2]!]!);
}

export function readOptions(argv: readonly string[], env: NodeJS.ProcessEnv, cwd: string): Options {
  const { values, positionals } = parse(argv);
  const [group, command, ...rest] = positionals;
  if (group !== "beta:worker" || (command !== "run" && command !== "poll") || rest.length > 0)
    throw new WrongUsage(`there is no command ${JSON.stringify(positionals.join(" "))}`);
  const logFormat = values["log-format"] ?? "text";
  if (logFormat !== "text" && logFormat !== "json")
    throw new WrongUsage(`--log-format: text or json, not ${JSON.stringify(logFormat)}`);
  if (command === "run" && values["on-work"] !== undefined) throw new WrongUsage("--on-work belongs to poll");
  const required = (
    flag: "environment-id" | "environment-key" | "session-id" | "work-id",
    variable: string,
  ): string => {
    const value = values[flag] ?? env[variable];
    if (!value) throw new WrongUsage(`--${flag} or ${variable} is missing`);
    return value;
  };
  return {
    command,
    environmentId: required("environment-id", "ANTHROPIC_ENVIRONMENT_ID"),
    environmentKey: required("environment-key", "ANTHROPIC_ENVIRONMENT_KEY"),
    sessionId: command === "run" ? required("session-id", "ANTHROPIC_SESSION_ID") : undefined,
    workId: command === "run" ? required("work-id", "ANTHROPIC_WORK_ID") : undefined,
    workdir: values.workdir ?? cwd,
    maxIdleMs: readDuration(values["max-idle"] ?? DEFAULT_MAX_IDLE),
    logFormat,
    onWork: values["on-work"],
  };
}

function parse(argv: readonly string[]) {
  const text = { type: "string" } as const;
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        "environment-id": text,
        "environment-key": text,
        "session-id": text,
        "work-id": text,
        workdir: text,
        "max-idle": text,
        "log-format": text,
        "on-work": text,
      },
    });
  } catch (error) {
    throw new WrongUsage(error instanceof Error ? error.message : String(error));
  }
}
