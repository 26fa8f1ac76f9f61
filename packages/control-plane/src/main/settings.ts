import { PrivateNetwork } from "@pandastack/contracts/host";
import {
  EXEC_OUTPUT_LIMIT_BYTES,
  JSON_BODY_LIMIT_BYTES,
  SNAPSHOT_LIST_LIMIT,
  type WorkspaceLimitName,
  type WorkspaceLimits,
} from "@pandastack/contracts";
import { readMirrors, type BuildMirrors } from "../templates/mirrors.ts";
import { DEFAULT_RESPONSE_SECONDS, readGatewaySettings, type GatewaySettings } from "../gateway/settings.ts";

/** What the control plane is told by its environment. Every wrong value is said at once, before anything starts. */
export interface Settings {
  readonly listen: { readonly host: string; readonly port: number };
  readonly databaseUrl: string;
  readonly hostSocket: string;
  readonly apiKey: string | undefined;
  readonly bootstrapFile: string | undefined;
  /** Names this server among those of its host: its control plane's place in the database. */
  readonly serverId: string | undefined;
  readonly runAs: { readonly uid: number; readonly gid: number } | undefined;
  readonly defaultTtlSeconds: number;
  /** Private networks that a policy may open, by the operator's leave. */
  readonly operatorPrivate: readonly string[];
  /** What a create means that names no runtime. */
  readonly defaultRuntime: "auto" | "microvm" | "gvisor" | "fake";
  /** What a workspace may have where nothing else was set for it. */
  readonly limits: WorkspaceLimits;
  /** How far the audit log goes back. */
  readonly auditDays: number;
  /** Sandboxes that may be in the making on a host at a time; undefined: as many as suit its processors. */
  readonly hostWorkLimit: number | undefined;
  /** Requests that may wait for their turn on a host, and for how long. */
  readonly queueLimit: number;
  readonly queueSeconds: number;
  /** How long a stream may say nothing: proxies on the way cut what is silent for longer than they like. */
  readonly heartbeatSeconds: number;
  readonly gateway: GatewaySettings;
  /** For the steps of templates' builds. */
  readonly mirrors: BuildMirrors;
  /** Where images are whose names say no registry; undefined: such names are templates only. */
  readonly defaultRegistry: string | undefined;
}

const DEFAULT_LISTEN = "127.0.0.1:8080";
const DEFAULT_TTL_SECONDS = 3600;
/** Each can be set for the server by its variable, and for a workspace through the API. */
const limitDefaults = {
  /** A hibernated one costs disk and a row. */
  sandboxes: ["PANDASTACK_SANDBOXES_PER_WORKSPACE", 1000],
  /** A host of tens of gigabytes holds about as many; what it really holds, its admission says. */
  running_sandboxes: ["PANDASTACK_RUNNING_SANDBOXES_PER_WORKSPACE", 500],
  /** As many as a list shows. */
  snapshots: ["PANDASTACK_SNAPSHOTS_PER_WORKSPACE", SNAPSHOT_LIST_LIMIT],
  /** Each is some hundred megabytes of the host's disk, shared where they are made from one another. */
  templates: ["PANDASTACK_TEMPLATES_PER_WORKSPACE", 100],
  /** The server does two at a time, whoever they are of. */
  template_builds: ["PANDASTACK_BUILDS_PER_WORKSPACE", 4],
  /** Twice what has been tested in one process; each is two sockets. */
  streams: ["PANDASTACK_STREAMS_PER_WORKSPACE", 2000],
  processes: ["PANDASTACK_PROCESSES_PER_WORKSPACE", 2000],
  body_bytes: ["PANDASTACK_BODY_BYTES", JSON_BODY_LIMIT_BYTES],
  output_bytes: ["PANDASTACK_OUTPUT_BYTES", EXEC_OUTPUT_LIMIT_BYTES],
} as const satisfies Record<WorkspaceLimitName, readonly [string, number]>;
/** What most rules ask for, with room: a line takes about 300 bytes. */
const DEFAULT_AUDIT_DAYS = 90;
/** More than can be served in `queueSeconds` by any host of today; each costs a connection and a few kilobytes. */
const DEFAULT_QUEUE_LIMIT = 1000;
/** Clients give up at 30 s: what comes after the wait has to fit in, too. */
const DEFAULT_QUEUE_SECONDS = 20;

/** Proxies cut what is silent for 30 seconds and more; clients take what is silent for 65 for dead. */
const DEFAULT_HEARTBEAT_SECONDS = 15;
const HEARTBEAT_LIMIT_SECONDS = 30;

/** What everybody's Dockerfiles mean. */
const DEFAULT_REGISTRY = "docker.io";
const NO_REGISTRY = "none";
/** With a dot or a port, as images name them; perhaps with a folder that everything is in. */
const REGISTRY = /^(localhost|[A-Za-z0-9-]+([.:][A-Za-z0-9-]+)+)(\/[a-z0-9._-]+)*$/;

/** Every runtime that an operator may name, as the host's commands know it. */
const RUNTIMES: Readonly<Record<string, Settings["defaultRuntime"]>> = {
  auto: "auto",
  microvm: "microvm",
  qemu: "microvm",
  gvisor: "gvisor",
  fake: "fake",
};

export class BadSettings extends Error {
  override readonly name = "BadSettings";
}

export function readSettings(env: Readonly<Record<string, string | undefined>>): Settings {
  const problems: string[] = [];
  const text = (name: string): string | undefined => {
    const value = env[name]?.trim();
    return value === undefined || value === "" ? undefined : value;
  };
  const required = (name: string): string => {
    const value = text(name);
    if (value === undefined) problems.push(`${name} is not set`);
    return value ?? "";
  };
  const integer = (name: string, fallback: number | undefined, least: number): number | undefined => {
    const value = text(name);
    if (value === undefined) return fallback;
    if (/^\d{1,12}$/.test(value) && Number(value) >= least) return Number(value);
    problems.push(`${name} has to be a whole number from ${least} on, not ${JSON.stringify(value)}`);
    return fallback;
  };

  const listenText = text("PANDASTACK_LISTEN") ?? DEFAULT_LISTEN;
  const listen = parseListen(listenText);
  if (listen === undefined)
    problems.push(
      `PANDASTACK_LISTEN has to be host:port, such as ${DEFAULT_LISTEN}, not ${JSON.stringify(listenText)}`,
    );
  const uid = integer("PANDASTACK_UID", undefined, 1);
  const gid = integer("PANDASTACK_GID", undefined, 1);
  if ((uid === undefined) !== (gid === undefined)) problems.push("PANDASTACK_UID and PANDASTACK_GID go together");
  const runtimeText = text("PANDASTACK_RUNTIME") ?? "auto";
  const runtime = RUNTIMES[runtimeText];
  if (runtime === undefined)
    problems.push(
      `PANDASTACK_RUNTIME has to be one of ${Object.keys(RUNTIMES).join(", ")}, not ${JSON.stringify(runtimeText)}`,
    );
  const operatorPrivate = (text("PANDASTACK_ALLOW_PRIVATE") ?? "").split(/[\s,]+/).filter(Boolean);
  for (const network of operatorPrivate) {
    const checked = PrivateNetwork.safeParse(network);
    if (!checked.success) problems.push(`PANDASTACK_ALLOW_PRIVATE: ${checked.error.issues[0]?.message}`);
  }
  const heartbeatSeconds = integer("PANDASTACK_HEARTBEAT_SECONDS", DEFAULT_HEARTBEAT_SECONDS, 1)!;
  if (heartbeatSeconds > HEARTBEAT_LIMIT_SECONDS)
    problems.push(
      `PANDASTACK_HEARTBEAT_SECONDS has to be ${HEARTBEAT_LIMIT_SECONDS} at most: clients take more for an end`,
    );
  const registry = text("PANDASTACK_DEFAULT_REGISTRY") ?? DEFAULT_REGISTRY;
  if (registry !== NO_REGISTRY && !REGISTRY.test(registry))
    problems.push(
      `PANDASTACK_DEFAULT_REGISTRY has to be a registry, such as registry.lan:5000, or ${NO_REGISTRY}, not ${JSON.stringify(registry)}`,
    );
  const apiKey = text("PANDASTACK_API_KEY");
  if (apiKey !== undefined && /\s/.test(apiKey)) problems.push("PANDASTACK_API_KEY cannot contain white space");

  const settings: Settings = {
    listen: listen ?? { host: "127.0.0.1", port: 8080 },
    databaseUrl: required("DATABASE_URL"),
    hostSocket: required("PANDASTACK_HOST_SOCKET"),
    apiKey,
    bootstrapFile: text("PANDASTACK_BOOTSTRAP_FILE"),
    serverId: text("PANDASTACK_SERVER_ID"),
    runAs: uid === undefined || gid === undefined ? undefined : { uid, gid },
    operatorPrivate,
    defaultTtlSeconds: integer("PANDASTACK_DEFAULT_TTL_SECONDS", DEFAULT_TTL_SECONDS, 0)!,
    defaultRuntime: runtime ?? "auto",
    limits: Object.fromEntries(
      Object.entries(limitDefaults).map(([name, [variable, fallback]]) => [name, integer(variable, fallback, 0)]),
    ) as WorkspaceLimits,
    auditDays: integer("PANDASTACK_AUDIT_DAYS", DEFAULT_AUDIT_DAYS, 1)!,
    hostWorkLimit: integer("PANDASTACK_HOST_WORK_LIMIT", undefined, 1),
    queueLimit: integer("PANDASTACK_QUEUE_LIMIT", DEFAULT_QUEUE_LIMIT, 0)!,
    queueSeconds: integer("PANDASTACK_QUEUE_SECONDS", DEFAULT_QUEUE_SECONDS, 1)!,
    heartbeatSeconds,
    mirrors: readMirrors(text, problems),
    defaultRegistry: registry === NO_REGISTRY ? undefined : registry,
    gateway: readGatewaySettings(
      text,
      integer("PANDASTACK_PROXY_RESPONSE_SECONDS", DEFAULT_RESPONSE_SECONDS, 1)!,
      problems,
    ),
  };
  if (problems.length > 0) throw new BadSettings(problems.join("\n"));
  return settings;
}

/** `127.0.0.1:8080`, `[::1]:8080`, `:8080` (everywhere). */
function parseListen(text: string): Settings["listen"] | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const port = Number(match[3]);
  const host = match[1] ?? match[2] ?? "";
  return port > 65_535 ? undefined : { host: host === "" ? "0.0.0.0" : host, port };
}
