import { pino, type Logger } from "pino";

export type { Logger };

/**
 * JSON lines on stderr, written synchronously: a process that is killed has said all that it knew.
 * `PANDASTACK_LOG_LEVEL` sets the level (default `info`).
 */
export function createLogger(name: string): Logger {
  return pino(
    {
      name,
      level: process.env["PANDASTACK_LOG_LEVEL"] ?? "info",
      redact: ["token", "*.token", "authorization", "*.authorization", "req.headers.authorization", "env", "*.env"],
    },
    pino.destination({ dest: 2, sync: true }),
  );
}
