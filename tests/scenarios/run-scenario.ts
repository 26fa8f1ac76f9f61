import { randomBytes } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import {
  CommandError,
  ConflictError,
  InvalidRequestError,
  NotFoundError,
  type PandaStack,
  PandaStackError,
  TimeoutError,
} from "@pandastack/sdk";
import { matches } from "./matches.ts";
import type { Scenario, Step } from "./scenarios.ts";

const KINDS = {
  CommandError,
  ConflictError,
  InvalidRequestError,
  NotFoundError,
  PandaStackError,
  TimeoutError,
};

type Saved = Map<string, unknown>;
type Callable = (...args: unknown[]) => unknown;

/** Plays one scenario with the TypeScript client; what it made goes with it. */
export async function runScenario(panda: PandaStack, { steps }: Scenario): Promise<void> {
  const saved: Saved = new Map<string, unknown>([
    ["client", panda],
    ["unique", randomBytes(6).toString("hex")],
  ]);
  const before = await sandboxIds(panda);
  try {
    for (const [index, step] of steps.entries())
      await play(saved, step).catch((error: unknown) => {
        throw new Error(`step ${index + 1}, ${step.do ?? step.get}: ${String(error)}`, { cause: error });
      });
  } finally {
    for (const id of await sandboxIds(panda)) if (!before.has(id)) await panda.sandboxes.kill(id);
  }
}

async function play(saved: Saved, step: Step): Promise<void> {
  const failed = await Promise.all(Array.from({ length: step.times ?? 1 }, () => playOnce(saved, step))).then(
    () => undefined,
    (error: unknown) => error,
  );
  if (step.fails === undefined) {
    if (failed !== undefined) throw failed;
    return;
  }
  const { kind, code, hint } = step.fails;
  const isOfKind: boolean = failed instanceof KINDS[kind];
  if (!isOfKind || !(failed instanceof PandaStackError))
    throw new Error(`should have failed with ${kind}, not ${String(failed)}`);
  if (code !== undefined && failed.code !== code)
    throw new Error(`should have failed with ${code}, not ${failed.code}: ${failed.message}`);
  if (hint !== undefined && !new RegExp(hint).test(failed.hint ?? "")) throw new Error(`its hint is ${failed.hint}`);
}

async function playOnce(saved: Saved, step: Step): Promise<void> {
  const heard: Record<string, string> = {};
  const callbacks = Object.keys(step.hears ?? {}).map((name) => {
    heard[name] = "";
    return [camel(name), (text: string) => void (heard[name] += text)] as const;
  });
  const { target, member } = find(saved, step.do ?? step.get!);
  const args = (step.with ?? []).map((each) => filled(saved, each));
  const options = { ...optionsOf(saved, step), ...Object.fromEntries(callbacks) };
  if (Object.keys(options).length > 0) args.push(options);
  const value = target[member];
  const result = await (step.do === undefined ? value : (value as Callable).apply(target, args));
  if (step.save !== undefined) return void saved.set(step.save, result);
  const said = await read(result, step.take);
  if (step.gives !== undefined) {
    const wrong = matches(said, filled(saved, step.gives));
    if (wrong !== undefined) throw new Error(wrong);
  }
  if (step.hears !== undefined && !isDeepStrictEqual(heard, step.hears))
    throw new Error(`heard ${JSON.stringify(heard)}`);
}

/** Lists and streams, item by item. */
async function read(value: unknown, take: number | undefined): Promise<unknown> {
  if (typeof value !== "object" || value === null || !(Symbol.asyncIterator in value)) return value;
  const items: unknown[] = [];
  for await (const item of value as AsyncIterable<unknown>) {
    items.push(item);
    if (items.length === take) break;
  }
  return items;
}

/** Whose member the end of a path is, and which: as TypeScript spells it. */
function find(saved: Saved, path: string): { target: Record<string, unknown>; member: string } {
  const [first = "", ...rest] = path.split(".");
  if (rest.length === 0) return { target: Object.fromEntries(saved), member: first };
  let target = saved.get(first) as Record<string, unknown>;
  for (const name of rest.slice(0, -1)) target = target[spelled(name, target)] as Record<string, unknown>;
  return { target, member: spelled(rest.at(-1)!, target) };
}

function spelled(name: string, of: object): string {
  // As the standard library has it: bytes are what is read, text is said.
  if (name === "read_bytes") return "read";
  if (name === "exit" && "exited" in of) return "exited";
  return name in of ? name : camel(name);
}

function filled(saved: Saved, value: unknown): unknown {
  if (typeof value === "string") {
    const name = /^\$([a-z]+(?:\.[a-z0-9_]+)*)$/.exec(value)?.[1];
    if (name === undefined || name === "unique") return value.replaceAll("$unique", String(saved.get("unique")));
    const { target, member } = find(saved, name);
    return target[member];
  }
  if (Array.isArray(value)) return value.map((each) => filled(saved, each));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, filled(saved, each)]));
}

/** Limits of waiting are milliseconds here, and have that in their names; periods of the API are not touched. */
function optionsOf(saved: Saved, step: Step): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(step.options ?? {}).map(([name, given]) => {
      const value = filled(saved, given);
      if (name === "timeout_seconds") return ["timeoutMs", Number(value) * 1000];
      if (name === "volumes") return [name, (value as object[]).map(renamed)];
      return [camel(name), value];
    }),
  );
}

const renamed = (given: object): object =>
  Object.fromEntries(Object.entries(given).map(([name, value]) => [camel(name), value]));

const camel = (name: string): string => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

async function sandboxIds(panda: PandaStack): Promise<Set<string>> {
  return new Set((await panda.sandboxes.list().toArray()).map(({ id }) => id));
}
