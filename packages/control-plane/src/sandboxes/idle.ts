import { randomUUID } from "node:crypto";
import { crashPoint, Refusal } from "@pandastack/platform";
import { sql } from "kysely";
import { Loop } from "../calls/loop.ts";
import { nowMs } from "../persistence/clock.ts";
import type { SandboxRow } from "../persistence/tables.ts";
import type { SandboxParts } from "./parts.ts";
import { removeFromHost } from "./service/remove.ts";
import { observe } from "./store.ts";

const POLL_MS = 250;
/** Hibernations write memory to the pool's disk: more at a time would only take longer. */
const AT_ONCE = 4;
/** Somebody is in it, whom the database does not know of: a look at its metrics, another control plane's stream. */
const IN_USE_PAUSE_MS = 1000;
/** After a failure, doubled each time: a host without room for its memory does not find some by being asked. */
const FIRST_FAILURE_PAUSE_MS = 1000;
const LONGEST_FAILURE_PAUSE_MS = 600_000;

interface Held {
  readonly untilMs: number;
  readonly failures: number;
}

/**
 * Hibernates or deletes sandboxes that asked for it, once nobody has used them and their network has been silent for long
 * enough. The database knows of requests; the host of packets, and it is asked only when the database would have them act.
 * Any number of control planes may run one.
 *
 * A request may come at any moment of it. Before the host begins, it finds a sandbox in use; after that it waits at the host,
 * hears that the sandbox is hibernated before anything was begun in it, and wakes it: see `enter` and the gateway's waker.
 */
export class IdleWatch {
  readonly #parts: SandboxParts;
  readonly #loop: Loop;
  readonly #underWay = new Set<string>();
  readonly #held = new Map<string, Held>();

  constructor(parts: SandboxParts) {
    this.#parts = parts;
    this.#loop = new Loop(() => this.#pass(), {
      pauseMs: POLL_MS,
      onError: (error) => parts.log.debug({ err: error }, "idle: the database is away"),
    });
  }

  start(): void {
    this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  /** Not right after the database was away: who is in use could not be told to it, by anyone. */
  async #pass(): Promise<void> {
    if (!this.#parts.presence.isSettled) return;
    const free = AT_ONCE - this.#underWay.size;
    if (free === 0) return;
    for (const row of await this.#idle(free)) {
      this.#underWay.add(row.id);
      void this.#act(row).finally(() => this.#underWay.delete(row.id));
    }
  }

  async #idle(limit: number): Promise<SandboxRow[]> {
    const now = performance.now();
    for (const [id, { untilMs }] of this.#held) if (untilMs + LONGEST_FAILURE_PAUSE_MS < now) this.#held.delete(id);
    const waiting = [...this.#held].filter(([, { untilMs }]) => untilMs > now).map(([id]) => id);
    const passedOver = [...this.#parts.activity.ongoing(), ...this.#underWay, ...waiting];
    const { rows } = await sql<SandboxRow>`
      select * from sandboxes
      where wanted <> 'deleted' and idles_ms <= ${nowMs} and not id = any(${passedOver})
        and case on_idle when 'hibernate' then status in ('running', 'paused') else status <> 'creating' end
      order by idles_ms limit ${limit}`.execute(this.#parts.db);
    return rows;
  }

  async #act(row: SandboxRow): Promise<void> {
    try {
      const use = await this.#use(row);
      if (use.isOpen) return this.#hold(row.id, IN_USE_PAUSE_MS, 0);
      if (use.quietMs !== null && use.quietMs < row.idle_timeout_seconds! * 1000)
        return await noteTraffic(this.#parts, row.id, use.quietMs);
      if (row.on_idle === "hibernate") await hibernateIdle(this.#parts, row);
      else await killIdle(this.#parts, row);
      this.#held.delete(row.id);
    } catch (error) {
      if (error instanceof Refusal && error.code === "sandbox.in_use") return this.#hold(row.id, IN_USE_PAUSE_MS, 0);
      const failures = (this.#held.get(row.id)?.failures ?? 0) + 1;
      const pauseMs = Math.min(FIRST_FAILURE_PAUSE_MS * 2 ** (failures - 1), LONGEST_FAILURE_PAUSE_MS);
      this.#parts.log.warn({ err: error, sandbox: row.id, pauseMs }, `idle: it could not be ${done[row.on_idle!]}`);
      this.#hold(row.id, pauseMs, failures);
    }
  }

  /** What a host does not have carries nothing. */
  async #use({ id, status }: SandboxRow): Promise<{ isOpen: boolean; quietMs: number | null }> {
    try {
      return await this.#parts.host.use(id);
    } catch (error) {
      if (status === "failed" && error instanceof Refusal) return { isOpen: false, quietMs: null };
      throw error;
    }
  }

  #hold(id: string, pauseMs: number, failures: number): void {
    this.#held.set(id, { untilMs: performance.now() + pauseMs, failures });
  }
}

const done = { hibernate: "hibernated", kill: "deleted" } as const;

async function noteTraffic(parts: SandboxParts, id: string, quietMs: number): Promise<void> {
  await sql`update sandboxes set last_network_ms = greatest(last_network_ms, ${nowMs} - ${quietMs}::bigint) where id = ${id}`.execute(
    parts.db,
  );
}

/** As `changeState` does it, for whoever is still idle at its turn. */
function hibernateIdle(parts: SandboxParts, { id }: SandboxRow): Promise<void> {
  return parts.queue.run(id, async () => {
    const claimed = await claim(parts, id, "hibernate", "hibernated");
    if (claimed === undefined) return;
    crashPoint("control.idle.wanted");
    try {
      const host = await parts.host.execute(randomUUID(), {
        name: "hibernateSandbox",
        sandboxId: id,
        ifQuietForMs: claimed.idle_timeout_seconds! * 1000,
        cause: "idle",
      });
      crashPoint("control.idle.made");
      parts.counters.hibernated();
      parts.log.info({ sandbox: id }, "idle: hibernated");
      await observe(parts.db, host, claimed.generation);
    } catch (error) {
      const { wanted } = claimed.status === "paused" ? { wanted: "paused" } : { wanted: "running" };
      await sql`update sandboxes set wanted = ${wanted} where id = ${id} and generation = ${claimed.generation}`.execute(
        parts.db,
      );
      throw error;
    }
  });
}

async function killIdle(parts: SandboxParts, { id }: SandboxRow): Promise<void> {
  if ((await claim(parts, id, "kill", "deleted")) === undefined) return;
  parts.counters.expired();
  parts.log.info({ sandbox: id }, "idle: deleting");
  // Where this fails, the row stays unwanted and the reconciler goes on.
  await removeFromHost(parts, id).catch((error: unknown) =>
    parts.log.warn({ err: error, sandbox: id }, "deleting an idle sandbox is left to the reconciler"),
  );
}

/** Undefined when somebody came meanwhile, or another control plane did. */
async function claim(
  parts: SandboxParts,
  id: string,
  onIdle: SandboxRow["on_idle"],
  wanted: SandboxRow["wanted"],
): Promise<SandboxRow | undefined> {
  if (parts.activity.ongoing().includes(id)) return undefined;
  const { rows } = await sql<SandboxRow>`
    update sandboxes set wanted = ${wanted}, generation = generation + 1, attempted_at = clock_timestamp()
    where id = ${id} and wanted <> 'deleted' and on_idle = ${onIdle} and idles_ms <= ${nowMs}
      and case on_idle when 'hibernate' then status in ('running', 'paused') else status <> 'creating' end
    returning *`.execute(parts.db);
  return rows[0];
}
