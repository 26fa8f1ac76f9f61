import { createHash } from "node:crypto";
import { posix } from "node:path";
import {
  type SecretMount,
  STEP_TIMEOUT_DEFAULT_SECONDS,
  type TemplateRecipe,
  type TemplateStep,
} from "@pandastack/contracts";
import { Refusal } from "@pandastack/platform";
import type { ResolvedTemplate } from "../templates/resolve.ts";
import { isArchive } from "./archives.ts";
import { contextPath, hashFiles, placeFiles, type BuildContext, type PlacedFile } from "./context.ts";
import { expand } from "./expand.ts";

/** Bump when a step's result becomes another one for the same recipe. */
const PLAN_VERSION = 1;
const FIRST_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const KEY_LENGTH = 32;

interface Doing {
  /** From 1, of all steps of the recipe. */
  readonly number: number;
  /** As people read it. */
  readonly text: string;
  readonly user: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Names the result: everything up to here. */
  readonly key: string;
  /** A secret has been in the memory of the machine that did this: its snapshots would have it, too. */
  readonly isTainted: boolean;
}
export interface RunAction extends Doing {
  readonly kind: "run";
  readonly shell: string;
  readonly timeoutMs: number;
  readonly secrets: readonly SecretMount[];
}
export interface CopyAction extends Doing {
  readonly kind: "copy";
  readonly files: readonly PlacedFile[];
  /** Unpacked into these folders, and not copied. */
  readonly archives: readonly PlacedFile[];
  readonly owner: string;
}
/** Out of another stage's machine, as it is after its last step. */
export interface TransferAction extends Doing {
  readonly kind: "transfer";
  readonly source: Stage;
  readonly from: readonly string[];
  readonly to: string;
  /** Absent: whose they are there. */
  readonly owner?: string;
  readonly mode?: string;
}
export type Action = RunAction | CopyAction | TransferAction;

/** What is built in one machine, and what that begins with. */
export interface Stage {
  readonly plan: Plan;
  readonly parent: ResolvedTemplate;
}

/** What a recipe comes to: what is done, one after the other, and what the template is then. */
export interface Plan {
  readonly actions: readonly Action[];
  /** Of all stages. */
  readonly steps: number;
  /** Of the last action: all that was done. */
  readonly key: string;
  readonly rootKey: string;
  readonly user: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/** What it begins with, and what that is made of. */
export interface PlanParent {
  readonly rootKey: string;
  readonly env: Readonly<Record<string, string>>;
  readonly scope: string;
  readonly diskMb: number;
  /** Steps of the stages before it. */
  readonly stepsBefore: number;
  /** In front of what is said of its steps. */
  readonly label: string;
  readonly stages: ReadonlyMap<string, Stage>;
  /** Of an image: whose steps they are, and where, until others are said. */
  readonly user?: string | null;
  readonly cwd?: string | null;
}

export function makePlan(
  recipe: Pick<TemplateRecipe, "steps" | "env" | "user">,
  context: BuildContext,
  parent: PlanParent,
): Plan {
  let key = hash(PLAN_VERSION, parent.scope, parent.rootKey);
  let user = parent.user ?? "root";
  let cwd = posix.resolve("/", parent.cwd ?? "/");
  let isCwdSaid = cwd !== "/";
  let env: Record<string, string> = { ...parent.env, ...recipe.env };
  let args: Record<string, string> = {};
  const actions: Action[] = [];
  let isTainted = false;
  for (const [index, step] of recipe.steps.entries()) {
    const number = parent.stepsBefore + index + 1;
    const known = (): Record<string, string> => ({ PATH: FIRST_PATH, ...args, ...env });
    const said = parent.label + textOf(step);
    try {
      if ("env" in step) env = { ...env, ...mapped(step.env, known()) };
      else if ("arg" in step) args = { ...args, ...mapped(step.arg, known()) };
      else if ("user" in step) user = step.user;
      else if ("workdir" in step) {
        cwd = posix.resolve(cwd, expand(step.workdir, known()));
        isCwdSaid = true;
      } else {
        isTainted ||= "run" in step && (step.secrets ?? []).length > 0;
        const doing = { isTainted, number, text: said, user, cwd, env: { ...args, ...env } };
        const action =
          "run" in step
            ? runAction(step, doing, key)
            : step.copy.source === undefined
              ? copyAction(step, context, doing, key)
              : transferAction(step, parent.stages.get(step.copy.source)!, doing, key);
        key = action.key;
        actions.push(action);
      }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      throw new Refusal(error.code, `step ${number} (${said}): ${error.message}`, { details: { step: number } });
    }
  }
  const finalUser = recipe.steps.some((step) => "user" in step) ? user : (recipe.user ?? user);
  return {
    actions,
    steps: parent.stepsBefore + recipe.steps.length,
    key,
    rootKey: hash(key, "root", parent.diskMb),
    user: finalUser,
    cwd: isCwdSaid ? cwd : finalUser === "root" ? "/root" : "/",
    env,
  };
}

type Begun = Omit<Doing, "key">;

function runAction(step: Extract<TemplateStep, { run: string }>, doing: Begun, before: string): RunAction {
  const { user, cwd, env } = doing;
  return {
    ...doing,
    kind: "run",
    shell: step.run,
    timeoutMs: (step.timeout_seconds ?? STEP_TIMEOUT_DEFAULT_SECONDS) * 1000,
    secrets: step.secrets ?? [],
    // Which ones, and never what they are.
    key: hash(before, "run", step.run, user, cwd, env, ...(step.secrets?.length ? [step.secrets] : [])),
  };
}

function copyAction(
  { copy }: Extract<TemplateStep, { copy: unknown }>,
  context: BuildContext,
  doing: Begun,
  before: string,
): CopyAction {
  const variables = { PATH: FIRST_PATH, ...doing.env };
  const from = copy.from.map((path) => expand(path, variables));
  const to = expand(copy.to, variables);
  const packed = copy.unpack === true ? from.filter((path) => isPacked(context, path)) : [];
  const plain = from.filter((path) => !packed.includes(path));
  const files = plain.length === 0 ? [] : placeFiles(context, { ...copy, from: plain, to }, doing.cwd);
  const archives = packed.map((path) => ({ ...context.get(contextPath(path))!, path: posix.resolve(doing.cwd, to) }));
  const owner = copy.owner ?? doing.user;
  const unpacked = archives.length === 0 ? [] : [hashFiles(archives)];
  return {
    ...doing,
    kind: "copy",
    files,
    archives,
    owner,
    key: hash(before, "copy", hashFiles(files), owner, ...unpacked),
  };
}

function isPacked(context: BuildContext, path: string): boolean {
  const file = /^\/|(^|\/)\.\.(\/|$)|^\.?\/?$/.test(path) ? undefined : context.get(contextPath(path));
  return file !== undefined && isArchive(path, file.bytes);
}

function transferAction(
  { copy }: Extract<TemplateStep, { copy: unknown }>,
  source: Stage,
  doing: Begun,
  before: string,
): TransferAction {
  const variables = { PATH: FIRST_PATH, ...doing.env };
  const from = copy.from.map((path) => posix.resolve("/", expand(path, variables)));
  const given = expand(copy.to, variables);
  // What is a folder by its name stays one.
  const to = posix.resolve(doing.cwd, given).replace(/\/*$/, /(^|\/)\.{0,2}$/.test(given) ? "/" : "");
  const { owner, mode } = copy;
  return {
    ...doing,
    kind: "transfer",
    source,
    from,
    to,
    ...(owner === undefined ? {} : { owner }),
    ...(mode === undefined ? {} : { mode }),
    key: hash(before, "transfer", source.plan.key, from, to, owner ?? null, mode ?? null),
  };
}

function mapped(values: Record<string, string>, known: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, expand(value, known)]));
}

function textOf(step: TemplateStep): string {
  const [kind, value] = Object.entries(step)[0]!;
  const text =
    typeof value === "string"
      ? value
      : kind === "copy"
        ? copyText((step as Extract<TemplateStep, { copy: unknown }>).copy)
        : Object.keys(value as object).join(" ");
  const line = `${kind.toUpperCase()} ${text}`.split("\n")[0]!;
  return line.length > 100 ? `${line.slice(0, 99)}…` : line;
}

function copyText({ from, to, source }: Extract<TemplateStep, { copy: unknown }>["copy"]): string {
  return [...(source === undefined ? [] : [`--from=${source}`]), ...from, to].join(" ");
}

/** Objects count by their sorted keys: the same variables in another order are the same. */
export function hash(...parts: readonly unknown[]): string {
  const text = JSON.stringify(parts, (_, value: unknown) =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
  return createHash("sha256").update(text).digest("hex").slice(0, KEY_LENGTH);
}
