import { waitFor } from "@pandastack/platform";
import { attempt, newKey, untilAnswered, untilDone, type Call, type Outcome } from "./client.ts";
import { VOLUME_PATH, type Known, type KnownVolume, type Model, type State } from "./model.ts";
import type { Random } from "./random.ts";

/**
 * What a client does while something dies. `repeats`: it goes on until it is answered; otherwise it gives up at the first
 * fault, and what it asked for may have happened or not.
 */
export interface DeedContext {
  readonly model: Model;
  readonly random: Random;
  readonly repeats: boolean;
  /** Its machine is being killed meanwhile: what is asked of it may be refused. */
  readonly struck?: Known;
  /** A program that commands machines is being killed meanwhile. */
  readonly mayBreak?: boolean;
}

export type Deed = (context: DeedContext) => Promise<void>;

const TTL_SECONDS = 1;
const IDLE_SECONDS = 1;
const EXPIRY_TIMEOUT_MS = 40_000;

const send = async (context: DeedContext, asked: Call): Promise<Outcome> => {
  const { model, repeats, struck, mayBreak = false } = context;
  const call = { ...asked, mayBreak };
  const outcome = await (repeats ? untilAnswered(model.server, call) : attempt(model.server, call));
  // As good as lost: nobody knows how far it came.
  if (struck && outcome.is === "refused" && call.path.includes(struck.id)) return { is: "faulted", code: outcome.code };
  return outcome;
};

function victim({ model, random }: DeedContext, ...states: State[]): Known {
  return random.pick(model.in(...states));
}

/** What is in a copy of a sandbox that was made while its machine was being killed, nobody knows. */
const copiedMark = ({ struck }: DeedContext, { id, mark }: Known): string | undefined =>
  struck?.id === id ? undefined : mark;

/** A call that brings a sandbox from the states that it may be in to another. */
export async function change(context: DeedContext, known: Known, to: State, call: Call): Promise<void> {
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
    if (outcome.is === "done") model.add(outcome.body.id, mark, { persistent: json["persistent"] === true });
    else model.loseSandboxes({ tag, count: 1, mark });
  };

const fork =
  (name: "fork" | "fork-tree", from: State[]): Deed =>
  async (context) => {
    const { model } = context;
    const parent = victim(context, ...from);
    const { id } = parent;
    const mark = copiedMark(context, parent);
    const tag = newKey();
    const json = { count: 2, ttl_seconds: 0, metadata: { tag } };
    const outcome = await send(context, { method: "POST", path: `/v1/sandboxes/${id}/${name}`, json, key: tag });
    if (outcome.is === "refused") throw new Error(`a ${name} is refused: ${outcome.text}`);
    if (outcome.is === "faulted") return model.loseSandboxes({ tag, count: 2, mark });
    const { children, errors = [] } = outcome.body;
    // One child's container may be what was broken; the other lives, and the answer says so.
    const count = context.mayBreak === true ? children.length + errors.length : children.length;
    if (count !== 2) throw new Error(`a ${name} made ${JSON.stringify(outcome.body)}`);
    for (const child of children) model.add(child.id, mark);
  };

async function promote(context: DeedContext): Promise<void> {
  const { model } = context;
  const parent = victim(context, "running");
  const { id, mark } = parent;
  if (context.struck === parent) return;
  const path = `/v1/sandboxes/${id}/fork-tree`;
  const mayBreak = context.mayBreak === true;
  const call = { method: "POST", path, json: { count: 3, ttl_seconds: 0 }, key: newKey(), mayBreak } as const;
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
  const sandbox = victim(context, "running", "paused");
  const { id } = sandbox;
  const outcome = await send(context, { method: "POST", path: `/v1/sandboxes/${id}/snapshots`, key: newKey() });
  if (outcome.is === "refused") throw new Error(`a snapshot is refused: ${outcome.text}`);
  if (outcome.is === "faulted") return model.loseSnapshot();
  model.snapshots.set(outcome.body.id, "there");
  model.marks.set(outcome.body.id, copiedMark(context, sandbox));
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

const VOLUME_MB = 16;

export async function makeVolume(context: DeedContext, from?: KnownVolume): Promise<void> {
  const { model } = context;
  const name = `v${newKey().slice(-12)}`;
  const [sizeMb] = from?.sizesMb ?? [VOLUME_MB];
  const known: KnownVolume = {
    name,
    states: new Set(["there", "gone"]),
    sizesMb: new Set([sizeMb!]),
    mark: from?.mark,
  };
  model.volumes.set(name, known);
  const path = from === undefined ? "/v1/volumes" : `/v1/volumes/${from.name}/clone`;
  const json = from === undefined ? { name, size_mb: VOLUME_MB } : { name };
  const outcome = await send(context, { method: "POST", path, json, key: newKey() });
  if (outcome.is === "refused") throw new Error(`making a volume is refused: ${outcome.text}`);
  if (outcome.is === "done") known.states = new Set(["there"]);
  else model.loseAnswer();
}

/** That nobody has, or that somebody writes to. */
async function pickVolume({ model, random }: DeedContext, of: "free" | "attached" | "any"): Promise<KnownVolume> {
  const rows: { name: string; attached_to: unknown[] }[] = await untilDone(model.server, {
    method: "GET",
    path: "/v1/volumes",
  });
  const fits = rows.filter((row) => of === "any" || (row.attached_to.length === 0) === (of === "free"));
  return model.volumes.get(random.pick(fits).name)!;
}

/** A sandbox that writes to a volume: one time in two it is persistent. */
export async function attach(context: DeedContext): Promise<void> {
  const { model, random } = context;
  const { name: volume } = await pickVolume(context, "free");
  const tag = newKey();
  const persistent = random.chance(0.5);
  const volumes = [{ name: volume, path: VOLUME_PATH }];
  const json = { ttl_seconds: 0, persistent, metadata: { tag }, volumes };
  const outcome = await send(context, { method: "POST", path: "/v1/sandboxes", json, key: tag });
  if (outcome.is === "refused") throw new Error(`a create with a volume is refused: ${outcome.text}`);
  if (outcome.is === "done") model.add(outcome.body.id, undefined, { persistent, volume });
  else model.loseSandboxes({ tag, count: 1, mark: undefined, volume });
}

async function growVolume(context: DeedContext, of: "free" | "attached"): Promise<void> {
  const { model } = context;
  const known = await pickVolume(context, of);
  const [before] = known.sizesMb;
  known.sizesMb = new Set([before!, before! + VOLUME_MB]);
  const call = { method: "PATCH", path: `/v1/volumes/${known.name}`, json: { size_mb: before! + VOLUME_MB } } as const;
  const outcome = await send(context, call);
  // A container may not grow what is mounted: it grows at the next mount. Its size is the new one all the same.
  const isMounted =
    outcome.is === "refused" && outcome.code === "volume.mount_failed" && model.server.runtime === "gvisor";
  if (outcome.is === "refused" && !isMounted && !context.struck)
    throw new Error(`growing a volume is refused: ${outcome.text}`);
  if (outcome.is === "done" || isMounted) known.sizesMb = new Set([before! + VOLUME_MB]);
}

async function deleteVolume(context: DeedContext): Promise<void> {
  const known = await pickVolume(context, "free");
  known.states = new Set(["there", "gone"]);
  const outcome = await send(context, { method: "DELETE", path: `/v1/volumes/${known.name}` });
  // What was repeated may have been done the first time.
  if (outcome.is === "refused" && outcome.code !== "volume.not_found")
    throw new Error(`deleting a volume is refused: ${outcome.text}`);
  if (outcome.is === "done") known.states = new Set(["gone"]);
}

export const withVolume = (model: Model, state: State): Known[] =>
  model.in(state).filter((known) => known.volume !== undefined);

function wakeWithVolume(context: DeedContext): Promise<void> {
  const known = context.random.pick(withVolume(context.model, "hibernated"));
  return change(context, known, "running", { method: "POST", path: `/v1/sandboxes/${known.id}/wake` });
}

function removeWithVolume(context: DeedContext): Promise<void> {
  const known = context.random.pick(withVolume(context.model, "running"));
  return change(context, known, "gone", { method: "DELETE", path: `/v1/sandboxes/${known.id}` });
}

/** Short-lived ones go by themselves, whoever is dead at that moment. */
async function expire(context: DeedContext): Promise<void> {
  const { server } = context.model;
  const { id } = await untilDone(server, {
    method: "POST",
    path: "/v1/sandboxes",
    json: { ttl_seconds: TTL_SECONDS },
    key: newKey(),
    mayBreak: context.mayBreak === true,
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
    mayBreak: context.mayBreak === true,
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
  createVolume: (context: DeedContext) => makeVolume(context),
  cloneVolume: async (context: DeedContext) => makeVolume(context, await pickVolume(context, "any")),
  growVolume: (context: DeedContext) => growVolume(context, "attached"),
  growFreeVolume: (context: DeedContext) => growVolume(context, "free"),
  deleteVolume,
  attach,
  wakeWithVolume,
  removeWithVolume,
} satisfies Record<string, Deed>;
export type DeedName = keyof typeof deeds;
