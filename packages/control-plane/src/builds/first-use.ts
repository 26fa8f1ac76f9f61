import { setTimeout as delay } from "node:timers/promises";
import { Refusal } from "@pandastack/platform";
import type { Principal } from "../calls/call.ts";
import type { Database } from "../persistence/database.ts";
import type { TemplateBuildRow } from "../persistence/tables.ts";
import { catalogue } from "../templates/catalogue-files.ts";
import { NotBuilt, type WithTemplates } from "../templates/resolve.ts";
import type { TemplateBuilds } from "./builds.ts";
import { recentFailure, runningBuild } from "./store.ts";

/** After it a create may still wait for memory to be made of what was built, and clients give up at 30 s. */
const WAIT_MS = 10_000;
const LOOK_MS = 250;
/** A build takes minutes: asking more often only costs. */
const RETRY_AFTER_SECONDS = 5;
/** For so long a build that failed is not begun again by who only wants to use it: clients that go on asking would build for ever. */
const FAILURE_MINUTES = 10;

interface FirstUseParts {
  readonly db: Database;
  readonly builds: Pick<TemplateBuilds, "begin">;
}

/**
 * What the catalogue has and this server does not have yet is built when somebody first asks for it. The call waits for some
 * seconds, then says which build to watch and when to ask again; the build goes on whoever waits for it.
 */
export function buildOnFirstUse(parts: FirstUseParts): WithTemplates {
  return async ({ principal, signal }, work) => {
    const end = performance.now() + WAIT_MS;
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof NotBuilt)) throw error;
        await whenEnded(parts, await begin(parts, principal, error.template), { end, signal });
      }
    }
  };
}

/** Of this template, or, where that is not built either, of the one that it is made from. */
async function begin(parts: FirstUseParts, principal: Principal, name: string): Promise<TemplateBuildRow> {
  const under = await runningBuild(parts.db, { workspace: principal.workspace, isGlobal: true, name });
  if (under !== undefined) return under;
  const failure = await recentFailure(parts.db, name, FAILURE_MINUTES);
  if (failure !== undefined) throw failed(name, failure);
  const { recipe, files } = catalogue.find((entry) => entry.name === name)!;
  try {
    const request = { name, recipe, context: files, isGlobal: true, replace: true };
    return (await parts.builds.begin(principal, request)).build;
  } catch (error) {
    if (!(error instanceof NotBuilt) || error.template === name) throw error;
    return begin(parts, principal, error.template);
  }
}

async function whenEnded(
  { db }: FirstUseParts,
  begun: TemplateBuildRow,
  { end, signal }: { end: number; signal: AbortSignal },
): Promise<void> {
  for (;;) {
    const row = await db.selectFrom("template_builds").selectAll().where("id", "=", begun.id).executeTakeFirst();
    if (row === undefined || row.status === "done") return;
    if (row.status === "failed") throw failed(row.name, row);
    if (performance.now() > end) throw underWay(row);
    await delay(LOOK_MS, undefined, { signal });
  }
}

const underWay = (row: TemplateBuildRow): Refusal =>
  new Refusal(
    "template.not_ready",
    `template: ${JSON.stringify(row.name)} is being built for its first use here, ${
      row.step === null ? "and has just begun" : `step ${row.step} of ${row.steps}`
    }; ask again in a while, or watch it: pandastack template logs -f ${row.id}`,
    {
      details: { field: "template", template: row.name, build_id: row.id, step: row.step ?? 0, steps: row.steps },
      retryAfterSeconds: RETRY_AFTER_SECONDS,
    },
  );

const failed = (name: string, { id, error }: { id: string; error: string | null }): Refusal =>
  new Refusal(
    "template.build_failed",
    `template: ${JSON.stringify(name)} could not be built: ${error ?? "it was not said why"}; its log: pandastack template logs ${id}; once that is mended: pandastack template build ${name}`,
    { details: { field: "template", template: name, build_id: id } },
  );
