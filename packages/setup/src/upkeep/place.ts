import { existsSync, readFileSync, realpathSync } from "node:fs";
import { readSettings, type Settings } from "../settings.ts";
import { RUN_ROOT } from "../supervisor/identity.ts";

/** Settings of the Debian package's service. */
export const SERVICE_ENVIRONMENT = "/etc/pandastack/pandastack.env";

/** Which server on this machine is meant. */
export interface Place {
  readonly settings: Settings;
  /** `host:port` as it was set. */
  readonly listen: string;
  readonly hasTls: boolean;
  readonly runRoot: string;
  /** The user's own PostgreSQL, in place of ours. */
  readonly databaseUrl: string | undefined;
}

/**
 * The one that the environment names, as `npm start` reads it; where it names no data folder, the installed service's; else the
 * clone's own.
 */
export function findPlace(env: NodeJS.ProcessEnv = process.env, serviceFile = SERVICE_ENVIRONMENT): Place {
  const named = env["PANDASTACK_DATA_DIR"] ? env : { ...readEnvironmentFile(serviceFile), ...withoutEmpty(env) };
  const settings = readSettings(named);
  return {
    settings: {
      ...settings,
      dataDir: existsSync(settings.dataDir) ? realpathSync(settings.dataDir) : settings.dataDir,
    },
    listen: named["PANDASTACK_LISTEN"] || "127.0.0.1:8080",
    hasTls: Boolean(named["PANDASTACK_TLS_CERT"]),
    runRoot: RUN_ROOT,
    databaseUrl: named["DATABASE_URL"] || undefined,
  };
}

/** `NAME=value` lines as systemd reads them, as far as our file has them: comments, and quotes around a value. */
export function readEnvironmentFile(path: string): Record<string, string> {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    // Not installed, or only for root to read.
    return {};
  }
  const pairs = text.split("\n").flatMap((line) => {
    const match = /^\s*([A-Za-z_]\w*)=(.*)$/.exec(line);
    return match === null ? [] : [[match[1]!, match[2]!.trim().replace(/^(["'])(.*)\1$/, "$2")] as const];
  });
  return Object.fromEntries(pairs);
}

const withoutEmpty = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ""));
