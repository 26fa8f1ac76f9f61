import { crashPoint } from "@pandastack/platform";
import { sql } from "kysely";
import type { HostEvent, HostSandbox } from "@pandastack/contracts/host";
import { pruneAudit } from "../accounts/audit.ts";
import { Loop } from "../calls/loop.ts";
import { pruneEvents } from "../events/store.ts";
import { IDEMPOTENCY_HOURS } from "@pandastack/contracts";
import { claimUnfinished, type UnfinishedTable } from "../persistence/unfinished.ts";
import type { SandboxRow } from "../persistence/tables.ts";
import { removeSnapshot } from "../snapshots/delete-snapshot.ts";
import { finishDeletion } from "../volumes/service.ts";
import { noteGrowth } from "../volumes/store.ts";
import type { SandboxParts } from "./parts.ts";
import { removeFromHost } from "./service/remove.ts";
import { isAsObserved, syncSandbox } from "./service/sync.ts";
import { readSandbox } from "./store.ts";

const PASS_MS = 1000;
/** Between two attempts at the same unfinished thing. */
const RETRY_SECONDS = 5;
/** How often every row is compared with its host, events or not. */
const COMPARE_MS = 15_000;
const PRUNE_MS = 600_000;
/** Ids that one line of the log names. */
const REPORTED_LIMIT = 10;

/** What each kind of event says that the row should show. Others say nothing of the state. */
const STATE_AFTER: Readonly<Record<string, SandboxRow["status"]>> = {
  "sandbox.running": "running",
  "sandbox.paused": "paused",
  "sandbox.resumed": "running",
  "sandbox.hibernated": "hibernated",
  "sandbox.woken": "running",
  "sandbox.failed": "failed",
  "vm.died": "failed",
  "recover.hibernated": "hibernated",
};

/** What a host does by itself. Whatever came after it, the row knows nothing of it yet. */
const UNASKED: ReadonlySet<string> = new Set(["vm.died", "recover.hibernated"]);

/**
 * Makes what is agree with what is wanted, and rows with what is, after anything that went wrong. It takes no input: every
 * pass looks at the database and the host, so it does not matter what was missed before.
 */
export class Reconciler {
  readonly #parts: SandboxParts;
  readonly #loop: Loop;
  #compareAt = 0;
  #comparing: Promise<void> | undefined;
  #isSynced = false;
  #pruneAt = performance.now() + PRUNE_MS;
  readonly #unsubscribe: (() => void)[] = [];

  constructor(parts: SandboxParts) {
    this.#parts = parts;
    this.#loop = new Loop(() => this.pass(), {
      pauseMs: PASS_MS,
      onError: (error) => parts.log.debug({ err: error }, "reconciler: something is away; next pass"),
    });
  }

  start(): void {
    const { feed } = this.#parts;
    this.#unsubscribe.push(
      feed.onHostEvents(
        (events) =>
          void this.#heed(events).catch((error: unknown) =>
            this.#parts.log.debug({ err: error }, "reconciler: events"),
          ),
      ),
      // At once, not with the next pass: until then rows may show what is no longer so.
      feed.onReconnect(() => {
        this.#compareAt = 0;
        void this.#compare().catch((error: unknown) => this.#parts.log.debug({ err: error }, "reconciler: compare"));
      }),
      feed.onDisconnect(() => (this.#isSynced = false)),
    );
    this.#loop.start();
  }

  /** Whether every row has been compared with the host since that was last away. */
  get isSynced(): boolean {
    return this.#isSynced;
  }

  async stop(): Promise<void> {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    await this.#loop.stop();
  }

  async pass(): Promise<void> {
    const now = performance.now();
    const abandoned = this.#parts.abandoned.ids();
    await this.#finish("sandboxes", removeFromHost);
    await this.#finish("snapshots", removeSnapshot);
    await this.#finish("volumes", finishDeletion);
    this.#parts.abandoned.forgetOld(abandoned);
    if (now >= this.#compareAt && this.#parts.watch.current !== undefined) await this.#compare();
    if (now >= this.#pruneAt) {
      this.#pruneAt = now + PRUNE_MS;
      await prune(this.#parts);
    }
  }

  #compare(): Promise<void> {
    this.#comparing ??= this.#compareNow().finally(() => (this.#comparing = undefined));
    return this.#comparing;
  }

  async #compareNow(): Promise<void> {
    const { feed } = this.#parts;
    const connection = feed.connection;
    // Due until it is done: one that fails is made again with the next pass.
    this.#compareAt = 0;
    await compareWithHost(this.#parts);
    // What was compared before a host came back says nothing of what it has now.
    if (connection === undefined || connection !== feed.connection) return;
    this.#isSynced = true;
    this.#compareAt = performance.now() + COMPARE_MS;
  }

  async #finish(table: UnfinishedTable, remove: (parts: SandboxParts, id: string) => Promise<unknown>): Promise<void> {
    const { db, presence, log, abandoned } = this.#parts;
    const ids = await abandoned.undo((given) =>
      claimUnfinished(db, table, { presence, retrySeconds: RETRY_SECONDS, abandoned: given }),
    );
    if (table === "sandboxes" && ids.length > 0) crashPoint("control.reconciler.claimed");
    await Promise.all(
      ids.map((id) =>
        remove(this.#parts, id).catch((error: unknown) =>
          log.debug({ err: error, table, id }, "reconciler: not removed yet"),
        ),
      ),
    );
  }

  /** Events tell of changes that nobody asked for through here. Most were asked for, and their rows say so already. */
  async #heed(events: readonly HostEvent[]): Promise<void> {
    const latest = new Map(events.map((event) => [event.sandboxId, event]));
    const unasked = new Set(events.filter(({ type }) => UNASKED.has(type)).map((event) => event.sandboxId));
    for (const [id, event] of latest) {
      const expected = STATE_AFTER[event.type];
      if (id === null || expected === undefined) continue;
      const row = await readSandbox(this.#parts.db, id);
      if (row === undefined || (row.status === expected && !unasked.has(id)) || !this.#parts.queue.isIdle(id)) continue;
      await this.#parts.queue.run(id, () => syncSandbox(this.#parts, id));
    }
  }
}

/** Every row against everything that the host has. */
async function compareWithHost(parts: SandboxParts): Promise<void> {
  const rows = await parts.db
    .selectFrom("sandboxes")
    .selectAll()
    .where("wanted", "<>", "deleted")
    .where("status", "<>", "creating")
    .execute();
  const hostSandboxes = await parts.host.sandboxes();
  const byId = new Map(hostSandboxes.map((host): [string, HostSandbox] => [host.id, host]));
  for (const row of rows) {
    const host = byId.get(row.id);
    const isRight = host === undefined ? row.status === "failed" : isAsObserved(row, host);
    if (isRight || !parts.queue.isIdle(row.id)) continue;
    await parts.queue.run(row.id, () => syncSandbox(parts, row.id));
  }
  await noteGrowth(parts.db, await parts.host.volumes());
  await reportUnknown(parts, hostSandboxes);
}

/**
 * Sandboxes on the host that no row knows. Rows come before commands, so this database is not the one that made them: an
 * operator has to decide, not this process.
 */
async function reportUnknown(parts: SandboxParts, hostSandboxes: readonly HostSandbox[]): Promise<void> {
  const ids = hostSandboxes.map((host) => host.id);
  const { rows } = await sql<{ id: string }>`
    select id from unnest(${ids}::text[]) as id where not exists (select from sandboxes where sandboxes.id = id.id)`.execute(
    parts.db,
  );
  if (rows.length > 0) {
    const some = rows.slice(0, REPORTED_LIMIT).map((row) => row.id);
    parts.log.warn(
      { count: rows.length, some },
      "the host has sandboxes that this database does not know; they are left alone",
    );
  }
  // Tombstones say that the host had nothing of them any more. Where that was wrong, it is put right.
  const { rows: risen } = await sql<{ id: string }>`
    update sandboxes set deleted_at = null where id = any(${ids}) and deleted_at < clock_timestamp() - interval '1 minute' returning id`.execute(
    parts.db,
  );
  if (risen.length > 0)
    parts.log.warn(
      { sandboxes: risen.map((row) => row.id) },
      "the host still has deleted sandboxes; deleting them again",
    );
}

/** What nobody will ask for any more. */
async function prune(parts: SandboxParts): Promise<void> {
  const { db } = parts;
  await sql`delete from sandboxes where deleted_at < clock_timestamp() - interval '1 day'`.execute(db);
  await sql`delete from snapshots where deleted_at < clock_timestamp() - interval '1 day'`.execute(db);
  await sql`delete from volumes where deleted_at < clock_timestamp() - interval '1 day'`.execute(db);
  await sql`delete from idempotency_keys where created_at < clock_timestamp() - make_interval(hours => ${sql.lit(IDEMPOTENCY_HOURS)})`.execute(
    db,
  );
  await pruneEvents(db);
  await pruneAudit(db, parts.settings.auditDays);
}
