import { join } from "node:path";
import type { Settings } from "../settings.ts";
import type { ChildPlan } from "./child.ts";
import { inCodeView, prepareCodeView } from "./code-view.ts";
import { bootstrapFile, prepareBootstrap } from "./first-token.ts";
import type { ServerIdentity } from "./identity.ts";

/** What to run: a program and its arguments. Tests put stand-ins here. */
export interface Commands {
  readonly hostAgent: readonly string[];
  readonly controlPlane: readonly string[];
}

export const hostSocket = (identity: ServerIdentity): string => join(identity.runDir, "host.sock");

/**
 * V8 lets garbage pile up in proportion to this before it looks: with its own choice for a 64-bit host a busy control plane holds
 * twice the memory, which sandboxes then have not, and each process that the host agent starts begins with a larger copy.
 */
const YOUNG_GENERATION_MB = 8;

export function defaultCommands(repository: string): Commands {
  const node = [
    process.execPath,
    "--disable-warning=ExperimentalWarning",
    `--max-semi-space-size=${YOUNG_GENERATION_MB}`,
  ];
  return {
    hostAgent: [...node, join(repository, "packages/host-agent/src/main.ts")],
    controlPlane: [...node, join(repository, "packages/control-plane/src/main.ts")],
  };
}

/**
 * Root until it has read its code, which only root may be able to read; then it gives up everything. Until then it can do no
 * more than that: read, and change its user.
 */
const HARDLY_ROOT = [
  "setpriv",
  "--inh-caps=-all",
  "--bounding-set=-all,+setuid,+setgid,+dac_read_search",
  "--no-new-privs",
  "--",
];

interface PlanInput {
  readonly settings: Settings;
  readonly identity: ServerIdentity;
  readonly commands: Commands;
  readonly env: NodeJS.ProcessEnv;
}

/** Root: it makes machines. Its SIGTERM hibernates every running sandbox, its SIGHUP leaves them running for the next agent. */
export function hostAgentPlan(input: PlanInput): ChildPlan {
  const { settings, identity } = input;
  const { PANDASTACK_API_KEY: _key, ...ours } = platformEnvironment(input.env);
  return {
    ...childPlan(input, "host agent", input.commands.hostAgent),
    env: {
      ...ours,
      PANDASTACK_DATA_DIR: settings.dataDir,
      PANDASTACK_CACHE_DIR: settings.cacheDir,
      PANDASTACK_RUN_DIR: identity.runDir,
      PANDASTACK_SERVER_ID: identity.id,
      PANDASTACK_HOST_SOCKET: hostSocket(identity),
      PANDASTACK_CONTROL_GID: String(identity.users.controlPlane),
    },
    stopTimeoutMs: 120_000,
    replaceSignal: "SIGHUP",
    putAwayEnv: { PANDASTACK_PUT_AWAY: "1" },
  };
}

/** The only one with a public port. */
export function controlPlanePlan(input: PlanInput & { listen: string; databaseUrl: string }): ChildPlan {
  const { identity } = input;
  const { PANDASTACK_DATA_DIR: _data, PANDASTACK_CACHE_DIR: _cache, ...ours } = platformEnvironment(input.env);
  const view = { repository: input.settings.repository, place: join(identity.runDir, "code") };
  return {
    ...childPlan(input, "control plane", inCodeView(view, [...HARDLY_ROOT, ...input.commands.controlPlane])),
    env: {
      ...ours,
      PANDASTACK_LISTEN: input.listen,
      DATABASE_URL: input.databaseUrl,
      PANDASTACK_HOST_SOCKET: hostSocket(identity),
      PANDASTACK_UID: String(identity.users.controlPlane),
      PANDASTACK_GID: String(identity.users.controlPlane),
      PANDASTACK_BOOTSTRAP_FILE: bootstrapFile(identity),
      // Its data folder stays unknown to it; this names the server in a list of processes.
      PANDASTACK_SERVER_ID: identity.id,
    },
    stopTimeoutMs: 20_000,
    prepare: async () => {
      prepareBootstrap(identity);
      prepareCodeView(view);
    },
  };
}

function childPlan({ settings, identity }: PlanInput, name: string, command: readonly string[]) {
  const [file = "", ...args] = command;
  const short = name.replaceAll(" ", "-");
  return {
    name,
    file,
    args,
    cwd: "/",
    logFile: join(settings.dataDir, "logs", `${short}.log`),
    recordFile: join(identity.runDir, `${short}.json`),
    stopSignal: "SIGTERM" as const,
    replaceSignal: "SIGTERM" as const,
  };
}

/** What the user said to PandaStack and to OpenTelemetry, and what Node needs for TLS; nothing else of the shell's environment. */
function platformEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Object.entries(env).filter(
    ([name]) => name.startsWith("PANDASTACK_") || name.startsWith("OTEL_") || name === "NODE_EXTRA_CA_CERTS",
  );
  const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  const { PANDASTACK_LAUNCHERS: _launchers, PANDASTACK_INVOKER: _invoker, ...rest } = Object.fromEntries(kept);
  return { PATH: path, LANG: "C.UTF-8", HOME: "/root", ...rest };
}
