import { randomBytes } from "node:crypto";
import { sql } from "kysely";
import { BUILD_LOG_LINES_LIMIT, SECRET_LIMIT_BYTES, type TemplateBuild } from "@pandastack/contracts";
import { Refusal } from "@pandastack/platform";
import type { Database } from "../persistence/database.ts";
import { isUniqueViolation } from "../persistence/failures.ts";
import type { Presence } from "../persistence/presence.ts";
import { ownerHasLeft } from "../persistence/presence.ts";
import type { TemplateBuildRow } from "../persistence/tables.ts";

const LINE_LIMIT_CHARACTERS = 4_096;
/** Of a line that has not ended: as long as a secret may be, and what is kept of one. */
const PENDING_LIMIT_CHARACTERS = SECRET_LIMIT_BYTES + LINE_LIMIT_CHARACTERS;
const LIST_LIMIT = 200;
const INTERRUPTED =
  "the server ended while it was being built; build it again, steps that were done are not done twice";
export const STOPPED = "the server was stopped; build it again";
/** Ends that say nothing about the template. */
const CUT_OFF: readonly string[] = [INTERRUPTED, STOPPED];

export const newBuildId = (): string => `tb_${randomBytes(8).toString("hex")}`;

export function buildInfo(row: TemplateBuildRow): TemplateBuild {
  return {
    id: row.id,
    name: row.name,
    status: row.status,
    ...(row.error === null ? {} : { error: row.error }),
    ...(row.step === null ? {} : { step: row.step }),
    steps: row.steps,
    cached_steps: row.cached_steps,
    started_at: row.started_at.toISOString(),
    ...(row.ended_at === null ? {} : { ended_at: row.ended_at.toISOString() }),
    size_mb: row.size_mb,
    ...(row.bytes === null ? {} : { bytes: row.bytes }),
    ...(row.cpu === null ? {} : { cpu: row.cpu }),
    ...(row.memory_mb === null ? {} : { memory_mb: row.memory_mb }),
    ...(row.is_global ? {} : { owner_workspace: row.workspace }),
  };
}

export type NewBuild = Pick<
  TemplateBuildRow,
  "id" | "name" | "workspace" | "is_global" | "recipe_key" | "steps" | "cpu" | "memory_mb" | "size_mb"
> & { readonly owner: string };

/** Undefined where one of this name is under way. */
export async function insertBuild(db: Database, given: NewBuild): Promise<TemplateBuildRow | undefined> {
  try {
    return await db
      .insertInto("template_builds")
      .values({ ...given, status: "queued", error: null, step: null, bytes: null, ended_at: null })
      .returningAll()
      .executeTakeFirstOrThrow();
  } catch (error) {
    if (isUniqueViolation(error)) return undefined;
    throw error;
  }
}

type Change = Partial<
  Pick<TemplateBuildRow, "status" | "error" | "step" | "cached_steps" | "bytes" | "ended_at" | "owner">
>;

export async function changeBuild(db: Database, id: string, change: Change): Promise<void> {
  await db.updateTable("template_builds").set(change).where("id", "=", id).execute();
}

export async function findBuild(db: Database, workspace: string, id: string): Promise<TemplateBuildRow> {
  const row = await db
    .selectFrom("template_builds")
    .selectAll()
    .where("id", "=", id)
    .where((where) => where.or([where("workspace", "=", workspace), where("is_global", "=", true)]))
    .executeTakeFirst();
  if (row === undefined) throw new Refusal("template.build_unknown", "no such build in this workspace");
  return row;
}

export function listBuilds(db: Database, workspace: string): Promise<TemplateBuildRow[]> {
  return db
    .selectFrom("template_builds")
    .selectAll()
    .where("workspace", "=", workspace)
    .orderBy("started_at", "desc")
    .limit(LIST_LIMIT)
    .execute();
}

/** Under way, of this name. */
export function runningBuild(db: Database, of: { workspace: string; isGlobal: boolean; name: string }) {
  let query = db
    .selectFrom("template_builds")
    .selectAll()
    .where("name", "=", of.name)
    .where("is_global", "=", of.isGlobal)
    .where("status", "in", ["queued", "building"]);
  if (!of.isGlobal) query = query.where("workspace", "=", of.workspace);
  return query.executeTakeFirst();
}

export async function countRunning(db: Database, workspace: string): Promise<number> {
  const { count } = await db
    .selectFrom("template_builds")
    .select((select) => select.fn.countAll<number>().as("count"))
    .where("workspace", "=", workspace)
    .where("status", "in", ["queued", "building"])
    .executeTakeFirstOrThrow();
  return Number(count);
}

export async function anyRunning(db: Database): Promise<boolean> {
  const row = await db
    .selectFrom("template_builds")
    .select("id")
    .where("status", "in", ["queued", "building"])
    .executeTakeFirst();
  return row !== undefined;
}

/** Names of everyone's that are being built. */
export async function globalBuilding(db: Database): Promise<Set<string>> {
  const rows = await db
    .selectFrom("template_builds")
    .select("name")
    .where("is_global", "=", true)
    .where("status", "in", ["queued", "building"])
    .execute();
  return new Set(rows.map((row) => row.name));
}

/** The latest build of one of everyone's templates, where that has failed by itself within so many minutes. */
export async function recentFailure(db: Database, name: string, minutes: number) {
  const { rows } = await sql<{ id: string; status: TemplateBuildRow["status"]; error: string | null }>`
    select id, status, error from template_builds
    where is_global and name = ${name} and not (status = 'failed' and error = any(${CUT_OFF}))
      and started_at > clock_timestamp() - make_interval(mins => ${minutes})
    order by started_at desc limit 1`.execute(db);
  return rows[0]?.status === "failed" ? rows[0] : undefined;
}

/** Builds whose control plane is gone, and those that it has `lost` itself, have failed, but for those whose template is there already. Answers the keys of what the others were making. */
export async function failOrphans(db: Database, presence: Presence, lost: readonly string[]): Promise<string[]> {
  const ownerless = presence.mayJudge ? presence.ownerIsDead("owner") : ownerHasLeft("owner");
  const { rows } = await sql<{ recipe_key: string; is_made: boolean }>`
    update template_builds set
      status = case when is_made then 'done' else 'failed' end,
      error = case when is_made then null else ${INTERRUPTED} end,
      ended_at = clock_timestamp(), owner = null
    from (select id as made_id, exists (select from template_versions where id = template_builds.id) as is_made from template_builds) as made
    where id = made_id and status in ('queued', 'building') and (${ownerless} or id = any(${lost})) returning recipe_key, is_made`.execute(
    db,
  );
  return rows.filter((row) => !row.is_made).map((row) => row.recipe_key);
}

/** Whether a build has published its template: whatever goes wrong after that, it is done. */
export async function isMade(db: Database, id: string): Promise<boolean> {
  return (await db.selectFrom("template_versions").select("id").where("id", "=", id).executeTakeFirst()) !== undefined;
}

/** Builds that the database has as this control plane's. */
export async function buildsOf(db: Database, owner: string): Promise<string[]> {
  const rows = await db
    .selectFrom("template_builds")
    .select("id")
    .where("owner", "=", owner)
    .where("status", "in", ["queued", "building"])
    .execute();
  return rows.map((row) => row.id);
}

/** A build's log as it grows: whole lines, in order, bounded. */
export class BuildLog {
  readonly #db: Database;
  readonly #buildId: string;
  readonly #hide: (text: string) => string;
  #pending = "";
  readonly #lines: string[] = [];
  #count = 0;
  /** Of the write under way; never rejects. */
  #writing: Promise<void> = Promise.resolve();
  #waiting: Promise<void> | undefined;

  /** `hide` blacks out what nobody may read. */
  constructor(db: Database, buildId: string, hide: (text: string) => string = (text) => text) {
    this.#db = db;
    this.#buildId = buildId;
    this.#hide = hide;
  }

  line(text: string): void {
    this.add(`${this.#pending === "" ? "" : "\n"}${text}\n`);
  }

  add(text: string): void {
    // Also what comes in two pieces: of a line without an end enough is held back for that.
    const lines = this.#hide(this.#pending + text).split("\n");
    this.#pending = lines.pop()!.slice(-PENDING_LIMIT_CHARACTERS);
    for (const line of lines) {
      if (this.#count++ < BUILD_LOG_LINES_LIMIT) this.#lines.push(clean(line));
      else if (this.#count === BUILD_LOG_LINES_LIMIT + 1) this.#lines.push("… the log is longer than what is kept");
    }
  }

  /** Writes down what there is; one after the other. What could not be written is tried again with what comes next. */
  flush(): Promise<void> {
    // One that waits for its turn takes what comes meanwhile: an end never waits for an attempt a line at a database that is away.
    this.#waiting ??= this.#writing.then(() => {
      this.#waiting = undefined;
      const written = this.#write();
      this.#writing = written.catch(() => {});
      return written;
    });
    return this.#waiting;
  }

  async #write(): Promise<void> {
    const lines = [...this.#lines];
    if (lines.length === 0) return;
    await this.#db
      .insertInto("template_build_logs")
      .values(lines.map((line) => ({ build_id: this.#buildId, line })))
      .execute();
    this.#lines.splice(0, lines.length);
  }
}

/** A progress bar rewrites its line: what stands there in the end is what counts. PostgreSQL knows no NUL. */
const clean = (line: string): string => {
  const shown = line.replace(/\r+$/, "");
  return shown
    .slice(shown.lastIndexOf("\r") + 1)
    .replaceAll("\0", "")
    .slice(0, LINE_LIMIT_CHARACTERS);
};

export async function readLog(db: Database, id: string, after: number): Promise<{ seq: number; line: string }[]> {
  return db
    .selectFrom("template_build_logs")
    .select(["seq", "line"])
    .where("build_id", "=", id)
    .where("seq", ">", after)
    .orderBy("seq")
    .limit(1_000)
    .execute();
}
