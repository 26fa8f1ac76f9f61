import { waitFor } from "@pandastack/platform";
import { attempt, newKey, untilAnswered, untilDone, type Call, type Outcome } from "./client.ts";
import type { Known, Model, State } from "./model.ts";
import type { Random } from "./random.ts";

/**
 * What a client does while something dies. `repeats`: it goes on until it is answered; otherwise it gives up at the first
 * fault, and what it asked for may have happened or not.
 */
export interface DeedContext {
  readonly model: Model;
  readonly random: Random;
  readonly repeats: boolean;
}

export type Deed = (context: DeedContext) => Promise<void>;

const TTL_SECONDS = 1;
const IDLE_SECONDS = 1;
const EXPIRY_TIMEOUT_MS = 40_000;

const send = ({ model, repeats }: DeedContext, call: Call): Promise<Outcome> =>
  repeats ? untilAnswered(model.server, call) : attempt(model.server, call);

function victim({ model, random }: DeedContext, ...states: State[]): Known {
  return random.pick(model.in(...states));
}

/** A call that brings a sandbox from the states that it may be in to another. */
async function change(context: DeedContext, known: Known, to: State, call: Call): Promise<void> {
  const before = known.states;
  known.states = new Set([...before, to]);
  const outcome = await send(context, call);
  if (outcome.is === "done") known.states = new Set([to]);
  if (outcome.is === "refused") throw new Error(`${call.method} ${call.path} is refused: ${outcome.text}`);
}

const verb =
  (name: string, from: State[], to: State): Deed =>
  (context) => {
    const known = victim(context, ...from);
    return change(context, known, to, { method: "POST", path: `/v1/sandboxes/${known.id}/${name}` });
  };

const create =
  (body: (context: DeedContext) => Record<string, unknown> = () => ({})): Deed =>
  async (context) => {
    const { model } = context;
    const tag = newKey();
    const json = { ttl_seconds: 0, metadata: { tag }, ...body(context) } as Record<string, unknown>;
    const mark = model.marks.get(String(json["from_snapshot"]));
    const outcome = await send(context, { method: "POST", path: "/v1/sandboxes", json, key: tag });
    if (outcome.is === "refused") throw new Error(`a create is refused: ${outcome.text}`);
    if (outcome.is === "done") model.add(outcome.body.id, mark);
    else model.loseSandboxes({ tag, count: 1, mark });
  };

const fork =
  (name: "fork" | "fork-tree", from: State[]): Deed =>
  async (context) => {
    const { model } = context;
    const { id, mark } = victim(context, ...from);
    const tag = newKey();
    const json = { count: 2, ttl_seconds: 0, metadata: { tag } };
    const outcome = await send(context, { method: "POST", path: `/v1/sandboxes/${id}/${name}`, json, key: tag });
    if (outcome.is === "refused") throw new Error(`a ${name} is refused: ${outcome.text}`);
    if (outcome.is === "faulted") return model.loseSandboxes({ tag, count: 2, mark });
    if (outcome.body.children.length !== 2) throw new Error(`a ${name} made ${JSON.stringify(outcome.body)}`);
    for (const child of outcome.body.children) model.add(child.id, mark);
  };

async function promote(context: DeedContext): Promise<void> {
  const { model } = context;
  const { id, mark } = victim(context, "running");
  const path = `/v1/sandboxes/${id}/fork-tree`;
  const call = { method: "POST", path, json: { count: 3, ttl_seconds: 0 }, key: newKey() } as const;
  const { children } = await untilDone(model.server, call);
  const known: Known[] = children.map((child: { id: string }) => model.add(child.id, mark));
  for (const loser of known.slice(1)) loser.states = new Set(["running", "gone"]);
  const outcome = await send(context, {
    method: "POST",
    path: `/v1/sandboxes/${known[0]!.id}/promote`,
    json: { cleanup_siblings: true },
  });
  if (outcome.is === "refused") throw new Error(`a promote is refused: ${outcome.text}`);
  if (outcome.is === "faulted") return;
  // A sibling that could not be deleted at this moment is named, and deleted by the next promote.
  for (const loser of known.slice(1)) if (!(loser.id in outcome.body.failures)) loser.states = new Set(["gone"]);
}

async function snapshot(context: DeedContext): Promise<void> {
  const { model } = context;
  const { id, mark } = victim(context, "running", "paused");
  const outcome = await send(context, { method: "POST", path: `/v1/sandboxes/${id}/snapshots`, key: newKey() });
  if (outcome.is === "refused") throw new Error(`a snapshot is refused: ${outcome.text}`);
  if (outcome.is === "faulted") return model.loseSnapshot();
  model.snapshots.set(outcome.body.id, "there");
  model.marks.set(outcome.body.id, mark);
}

async function deleteSnapshot(context: DeedContext): Promise<void> {
  const { model, random } = context;
  const id = random.pick([...model.snapshots.keys()]);
  model.snapshots.set(id, "perhaps");
  const outcome = await send(context, { method: "DELETE", path: `/v1/snapshots/${id}` });
  if (outcome.is === "refused") throw new Error(`deleting a snapshot is refused: ${outcome.text}`);
  if (outcome.is === "done") model.snapshots.delete(id);
}

function remove(context: DeedContext): Promise<void> {
  const known = victim(context, "running", "paused", "hibernated", "failed");
  return change(context, known, "gone", { method: "DELETE", path: `/v1/sandboxes/${known.id}` });
}

async function configure(context: DeedContext): Promise<void> {
  const { id } = victim(context, "running");
  const persistent = context.random.chance(0.5);
  const path = `/v1/sandboxes/${id}/lifecycle`;
  // There and back: one of the two is a change.
  for (const json of [{ persistent: !persistent }, { persistent }]) {
    const outcome = await send(context, { method: "PATCH", path, json });
    if (outcome.is === "refused") throw new Error(`configuring is refused: ${outcome.text}`);
  }
}

async function changeNetwork(context: DeedContext): Promise<void> {
  const path = `/v1/sandboxes/${victim(context, "running").id}`;
  for (const egress of [{ deny: ["198.51.100.0/24"] }, "open"]) {
    const outcome = await send(context, { method: "PATCH", path, json: { network: { egress } } });
    if (outcome.is === "refused") throw new Error(`changing the network is refused: ${outcome.text}`);
  }
}

/** Short-lived ones go by themselves, whoever is dead at that moment. */
async function expire(context: DeedContext): Promise<void> {
  const { server } = context.model;
  const { id } = await untilDone(server, {
    method: "POST",
    path: "/v1/sandboxes",
    json: { ttl_seconds: TTL_SECONDS },
    key: newKey(),
  });
  await waitFor(
    async () => {
      const outcome = await attempt(server, { method: "GET", path: `/v1/sandboxes/${id}` });
      return outcome.is === "refused" && outcome.code === "sandbox.not_found";
    },
    { timeoutMs: EXPIRY_TIMEOUT_MS, intervalMs: 50, message: `sandbox ${id} outlives its ${TTL_SECONDS} s` },
  );
}

/** One that is left alone is hibernated by itself, whoever is dead at that moment, and nothing of it is lost. */
async function idle(context: DeedContext): Promise<void> {
  const { server } = context.model;
  const { id } = await untilDone(server, {
    method: "POST",
    path: "/v1/sandboxes",
    json: { on_idle: "hibernate", idle_timeout_seconds: IDLE_SECONDS },
    key: newKey(),
  });
  const path = `/v1/sandboxes/${id}`;
  await waitFor(
    async () => {
      const outcome = await attempt(server, { method: "GET", path });
      return outcome.is === "done" && outcome.body["status"] === "hibernated";
    },
    { timeoutMs: EXPIRY_TIMEOUT_MS, intervalMs: 50, message: `sandbox ${id} is idle and runs on` },
  );
  await untilDone(server, { method: "DELETE", path });
}

export const deeds = {
  create: create(),
  createPersistent: create(() => ({ persistent: true })),
  createFromSnapshot: create(({ model, random }) => ({ from_snapshot: random.pick([...model.snapshots.keys()]) })),
  fork: fork("fork", ["running"]),
  forkHibernated: fork("fork", ["hibernated"]),
  forkTree: fork("fork-tree", ["running", "paused"]),
  promote,
  snapshot,
  deleteSnapshot,
  pause: verb("pause", ["running"], "paused"),
  resume: verb("resume", ["paused"], "running"),
  hibernate: verb("hibernate", ["running", "paused"], "hibernated"),
  wake: verb("wake", ["hibernated"], "running"),
  remove,
  configure,
  changeNetwork,
  expire,
  idle,
} satisfies Record<string, Deed>;
export type DeedName = keyof typeof deeds;

/** What must be there before it can be done. */
export const needs: Partial<Record<DeedName, State | "snapshot">> = {
  createFromSnapshot: "snapshot",
  deleteSnapshot: "snapshot",
  resume: "paused",
  wake: "hibernated",
  forkHibernated: "hibernated",
  fork: "running",
  forkTree: "running",
  promote: "running",
  snapshot: "running",
  pause: "running",
  hibernate: "running",
  remove: "running",
  configure: "running",
  changeNetwork: "running",
};

/** Makes what a deed needs, in peace. */
export async function provide(model: Model, random: Random, name: DeedName): Promise<void> {
  const context: DeedContext = { model, random, repeats: true };
  const need = needs[name];
  if (model.in("running").length < 1 || (need === "running" && model.in("running").length < 2))
    await deeds.create(context);
  for (const known of model.in("running")) if (known.mark === undefined) await model.putMark(known);
  if (need === "snapshot" && model.snapshots.size === 0) await deeds.snapshot(context);
  if (need === "paused" && model.in("paused").length === 0) {
    await deeds.create(context);
    await model.putMark(model.in("running").at(-1)!);
    await deeds.pause({ ...context });
  }
  if (need === "hibernated" && model.in("hibernated").length === 0) {
    await deeds.create(context);
    await model.putMark(model.in("running").at(-1)!);
    await deeds.hibernate(context);
  }
}
