import { readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { FastifyInstance } from "fastify";
import type { Logger } from "@pandastack/platform";
import { AuditLog } from "../accounts/audit.ts";
import { bootstrap } from "../accounts/bootstrap.ts";
import { Tally } from "../accounts/tally.ts";
import { TemplateBuilds } from "../builds/builds.ts";
import { EventFeed } from "../events/feed.ts";
import { HostClient } from "../hosts/client.ts";
import { loadHttpClient } from "../hosts/load-client.ts";
import { HostWatch } from "../hosts/watch.ts";
import { WorkQueue } from "../hosts/work-queue.ts";
import { buildApp } from "../http/app.ts";
import { IdempotencyKeys } from "../http/idempotency.ts";
import { ServerMetrics } from "../http/metrics.ts";
import { TokenWatch } from "../http/token-watch.ts";
import { openDatabase } from "../persistence/database.ts";
import { migrate } from "../persistence/migrate.ts";
import { Presence } from "../persistence/presence.ts";
import { Abandoned } from "../sandboxes/abandoned.ts";
import { Activity } from "../sandboxes/activity.ts";
import type { SandboxParts } from "../sandboxes/parts.ts";
import { KeyedQueue } from "../sandboxes/queue.ts";
import { IdleWatch } from "../sandboxes/idle.ts";
import { Reaper } from "../sandboxes/reaper.ts";
import { Reconciler } from "../sandboxes/reconciler.ts";
import type { Settings } from "./settings.ts";

const START_RETRY_MS = 250;
/** What is being answered may finish for this long after a stop was asked for. */
const STOP_GRACE_MS = 10_000;
const STOP_SWEEP_MS = 50;
/** Connections that the kernel takes before we do: a thousand clients that come at once are more than Node's default. */
const LISTEN_BACKLOG = 4096;
/**
 * Sandboxes in the making at a time for each processor of the host: a guest keeps about half of one busy while it comes up,
 * beyond that each one more only makes all of them slower.
 */
const WORK_PER_CPU = 2;
/** While the host has not said how many processors it has. */
const FALLBACK_CPUS = 2;

/** Short ids are one host's own: the kernel's boot id tells hosts apart. */
function placeOf({ serverId }: Settings): string | undefined {
  if (serverId === undefined) return undefined;
  return `${readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()}/${serverId}`;
}

export interface ControlPlane {
  /** Listens, and brings everything up as the database and the host come. Resolves once it listens. */
  start(): Promise<{ address: string; port: number }>;
  /** Resolves once the database is ready and every handler works. */
  readonly started: Promise<void>;
  stop(): Promise<void>;
  readonly parts: SandboxParts;
  readonly app: FastifyInstance;
}

/**
 * Puts the control plane together. Nothing is connected or listened on before `start`: what is needed from the disk is read
 * until then, and privileges can be dropped in between.
 */
export async function makeControlPlane(
  settings: Settings,
  log: Logger,
  options: { checkReplies?: boolean } = {},
): Promise<ControlPlane> {
  await loadHttpClient();
  const database = openDatabase(settings.databaseUrl, log);
  const { db } = database;
  const host = new HostClient(settings.hostSocket);
  const watch = new HostWatch(host, log);
  const presence = new Presence(db, log, placeOf(settings));
  const activity = new Activity(db, log);
  const feed = new EventFeed({ db, host, watch, log });
  const metrics: ServerMetrics = new ServerMetrics(
    db,
    () => work,
    () => watch.current,
  );
  const work = new WorkQueue(
    {
      inFlight: () => {
        const suitable = WORK_PER_CPU * (watch.current?.cpus ?? FALLBACK_CPUS);
        return Math.max(1, Math.ceil((settings.hostWorkLimit ?? suitable) / presence.planes));
      },
      waiting: settings.queueLimit,
      waitMs: settings.queueSeconds * 1000,
    },
    (seconds) => metrics.waited(seconds),
  );
  const parts: SandboxParts = {
    db,
    host,
    watch,
    presence,
    activity,
    feed,
    queue: new KeyedQueue(),
    work,
    abandoned: new Abandoned(),
    processes: new Tally("processes"),
    settings,
    counters: metrics.counters,
    log,
  };
  const audit = new AuditLog(db, log);
  const keys = new IdempotencyKeys(parts);
  const reaper = new Reaper(parts);
  const idle = new IdleWatch(parts);
  const reconciler = new Reconciler(parts);
  const builds = new TemplateBuilds(parts);
  let isStarted = false;
  const stopping = new AbortController();
  const { app, openCalls, gateway } = await buildApp({
    parts,
    builds,
    audit,
    keys,
    gateway: settings.gateway,
    metrics,
    log,
    isStarted: () => isStarted,
    isSynced: () => reconciler.isSynced,
    checkReplies: options.checkReplies ?? false,
  });
  const tokens = new TokenWatch({ db, openCalls, log });
  const { promise: started, resolve: resolveStarted } = Promise.withResolvers<void>();

  /** The database may come later than we do. */
  const bringUp = async (): Promise<void> => {
    for (let isFirst = true; !stopping.signal.aborted; isFirst = false) {
      try {
        await migrate(db, log);
        await bootstrap(db, { apiKey: settings.apiKey, file: settings.bootstrapFile }, log);
        await gateway.secret.load(db);
        await presence.start();
        break;
      } catch (error) {
        if (isFirst) log.warn({ err: error }, "database: not ready yet; trying on");
        else log.debug({ err: error }, "database: not ready yet");
        await delay(START_RETRY_MS, undefined, { signal: stopping.signal }).catch(() => {});
      }
    }
    if (stopping.signal.aborted) return;
    activity.start();
    feed.start();
    gateway.start();
    reaper.start();
    idle.start();
    reconciler.start();
    builds.start();
    tokens.start();
    isStarted = true;
    resolveStarted();
    log.info("started");
  };
  let up: Promise<void> = Promise.resolve();

  return {
    app,
    parts,
    started,
    start: async () => {
      watch.start();
      await app.listen({ host: settings.listen.host, port: settings.listen.port, backlog: LISTEN_BACKLOG });
      const address = app.server.address() as AddressInfo;
      log.info({ address: `${address.address}:${address.port}` }, "listening");
      up = bringUp();
      return { address: address.address, port: address.port };
    },
    stop: async () => {
      stopping.abort();
      watch.stop();
      openCalls.stop();
      gateway.stop();
      // A connection whose last answer is out is of no use any more, whatever its client would like to keep it for.
      const sweep = setInterval(() => app.server.closeIdleConnections(), STOP_SWEEP_MS);
      const cut = setTimeout(() => app.server.closeAllConnections(), STOP_GRACE_MS);
      await app.close();
      clearInterval(sweep);
      clearTimeout(cut);
      await up;
      await builds.stop();
      await Promise.all([reaper.stop(), idle.stop(), reconciler.stop(), feed.stop(), tokens.stop()]);
      await Promise.allSettled([activity.stop(), presence.stop(), audit.stop(), keys.stop()]);
      await host.close();
      await database.close();
      log.info("stopped");
    },
  };
}
