import { createHash } from "node:crypto";
import { posix } from "node:path";
import { STEP_TIMEOUT_DEFAULT_SECONDS, type TemplateRecipe, type TemplateStep } from "@pandastack/contracts";
import { Refusal } from "@pandastack/platform";
import { hashFiles, placeFiles, type BuildContext, type PlacedFile } from "./context.ts";
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
}
export interface RunAction extends Doing {
  readonly kind: "run";
  readonly shell: string;
  readonly timeoutMs: number;
}
export interface CopyAction extends Doing {
  readonly kind: "copy";
  readonly files: readonly PlacedFile[];
  readonly owner: string;
}
export type Action = RunAction | CopyAction;

/** What a recipe comes to: what is done, one after the other, and what the template is then. */
export interface Plan {
  readonly actions: readonly Action[];
  readonly steps: number;
  readonly rootKey: string;
  readonly user: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/** `parent`: what it begins with, and what that is made of. */
export function makePlan(
  recipe: TemplateRecipe,
  context: BuildContext,
  parent: { rootKey: string; env: Readonly<Record<string, string>>; scope: string; diskMb: number },
): Plan {
  let key = hash(PLAN_VERSION, parent.scope, parent.rootKey);
  let user = "root";
  let cwd = "/";
  let isCwdSaid = false;
  let env: Record<string, string> = { ...parent.env, ...recipe.env };
  let args: Record<string, string> = {};
  const actions: Action[] = [];
  for (const [index, step] of recipe.steps.entries()) {
    const number = index + 1;
    const known = (): Record<string, string> => ({ PATH: FIRST_PATH, ...args, ...env });
    const said = textOf(step);
    try {
      if ("env" in step) env = { ...env, ...mapped(step.env, known()) };
      else if ("arg" in step) args = { ...args, ...mapped(step.arg, known()) };
      else if ("user" in step) user = step.user;
      else if ("workdir" in step) {
        cwd = posix.resolve(cwd, expand(step.workdir, known()));
        isCwdSaid = true;
      } else {
        const doing = { number, text: said, user, cwd, env: { ...args, ...env } };
        const action = "run" in step ? runAction(step, doing, key) : copyAction(step, context, doing, key);
        key = action.key;
        actions.push(action);
      }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      throw new Refusal(error.code, `step ${number} (${said}): ${error.message}`, { details: { step: number } });
    }
  }
  const finalUser = recipe.steps.some((step) => "user" in step) ? user : (recipe.user ?? "root");
  return {
    actions,
    steps: recipe.steps.length,
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
    key: hash(before, "run", step.run, user, cwd, env),
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
  const files = placeFiles(context, { ...copy, from, to: expand(copy.to, variables) }, doing.cwd);
  const owner = copy.owner ?? doing.user;
  return { ...doing, kind: "copy", files, owner, key: hash(before, "copy", hashFiles(files), owner) };
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
        ? `${(step as { copy: { from: string[]; to: string } }).copy.from.join(" ")} ${(step as { copy: { to: string } }).copy.to}`
        : Object.keys(value as object).join(" ");
  const line = `${kind.toUpperCase()} ${text}`.split("\n")[0]!;
  return line.length > 100 ? `${line.slice(0, 99)}…` : line;
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
