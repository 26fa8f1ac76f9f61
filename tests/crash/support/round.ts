import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { waitFor, type CrashPoint } from "@pandastack/platform";
import { untilNothingIsNoOnes } from "./belongings/index.ts";
import { attempt, untilDone } from "./client.ts";
import { deeds, type DeedContext, type DeedName } from "./deeds.ts";
import { untilCommandsAreOver } from "./host-turns.ts";
import { provide } from "./needs.ts";
import type { Known, Model, State } from "./model.ts";
import { COMMANDERS, killCommand, vitalProcesses } from "./machine-processes.ts";
import { readJournal, type JournalMachine } from "./records.ts";
import { isAlive, killAndWait, parts, type Part } from "./server.ts";
import type { Way } from "./ways.ts";

/** A VMM's death is shown as `failed` by then, also where all else happens at the same time. */
const DEATH_SHOWN_MS = 10_000;
const REACHED_TIMEOUT_MS = 60_000;
/** A cold boot beside everything else, after the pauses that a host makes between two of them. */
const STARTED_AGAIN_TIMEOUT_MS = 120_000;
const KEPT_SANDBOXES = 3;
const KEPT_SNAPSHOTS = 2;
const KEPT_VOLUMES = 1;
/** Fewer than after which a sandbox is not started again. */
const TOLERATED_DEATHS = 3;

export type Fault =
  | { readonly kind: "point"; readonly point: CrashPoint; readonly times: number; readonly mustBeReached: boolean }
  | { readonly kind: "kill"; readonly what: Part | "everything"; readonly afterMs: number }
  /** The machine of a sandbox that runs, perhaps the one that something is being done with: any of the processes that it needs. */
  | { readonly kind: "kill machine"; readonly afterMs: number }
  /** gVisor: a program that commands a machine, in the middle of it. */
  | { readonly kind: "kill command"; readonly afterMs: number };

/** One round: something is done, something dies, and when all is up again everything is looked at. */
export async function playRound(
  context: DeedContext,
  way: Exclude<Way, "templates" | "build">,
  fault: Fault,
): Promise<void> {
  const { model, random } = context;
  const { server } = model;
  const name = way in deeds ? (way as DeedName) : "pause";
  await provide(model, random, name);
  // What the way needs may be asleep, all of it.
  if (fault.kind === "kill machine") await provide(model, random, "pause");
  if (fault.kind === "point") {
    if (fault.point === "host.machine.node-made")
      rmSync(join(server.poolDir, "nodes"), { recursive: true, force: true });
    server.arm(fault.point, fault.times);
    await Promise.all([walk(context, way), untilReached(context, fault)]);
  } else if (fault.kind === "kill machine") {
    const struck = random.pick(model.in("running"));
    const machine = machineOf(model, struck);
    const pid = random.pick(vitalProcesses(server, machine));
    await Promise.all([walk({ ...context, struck }, way), delay(fault.afterMs).then(() => killAndWait(pid))]);
    // Where it was a gofer, its sentry follows within a second; until then the sandbox runs, by all accounts.
    await waitFor(() => !isAlive(machine.pid), {
      timeoutMs: DEATH_SHOWN_MS,
      intervalMs: 5,
      message: `process ${machine.pid} lives on without ${pid}`,
    });
    // It may have been put to sleep, or deleted, before it could die.
    const isGone = struck.states.has("gone") && struck.states.size === 1;
    if (!isGone) struck.states = new Set<State>(["running", "paused", "hibernated", "failed", ...struck.states]);
    struck.memory = "unsure";
    struck.deaths += 1;
  } else if (fault.kind === "kill command") {
    const program = random.pick(COMMANDERS);
    await Promise.all([
      walk({ ...context, mayBreak: true }, way),
      delay(fault.afterMs).then(() => killCommand(server, program)),
    ]);
  } else {
    const strike = delay(fault.afterMs).then(() =>
      fault.what === "everything" ? server.killEverything() : server.kill(fault.what),
    );
    await Promise.all([walk(context, way), strike]);
  }
  server.disarm();
  await server.untilUp();
  await untilCommandsAreOver(server);
  await model.untilDeathsAreOver();
  await model.settle({ isLast: false });
  await untilNothingIsNoOnes(server, model.keysGivenUp);
  await model.settle({ isLast: true });
  await makeSure(model);
  await model.verify(model.in("running"));
  await tidyUp(context);
}

/** One that sleeps, and whose machine may have died before, is woken, so that it can be looked into. */
async function makeSure(model: Model): Promise<void> {
  for (const known of model.in("hibernated", "paused")) {
    if (known.memory === "whole") continue;
    await untilDone(model.server, { method: "POST", path: `/v1/sandboxes/${known.id}/wake` });
    known.states = new Set(["running"]);
  }
}

async function untilReached({ model }: DeedContext, fault: Fault & { kind: "point" }): Promise<void> {
  if (!fault.mustBeReached) return;
  await waitFor(() => !model.server.isArmed, {
    timeoutMs: REACHED_TIMEOUT_MS,
    intervalMs: 10,
    message: `the crash point ${fault.point} is not reached`,
  });
}

async function walk(context: DeedContext, way: Exclude<Way, "templates" | "build">): Promise<void> {
  const { model, random } = context;
  const { server } = model;
  switch (way) {
    case "death": {
      const known = random.pick(model.in("running"));
      await killMachine(model, known);
      return;
    }
    case "recovery":
      return server.kill("host agent");
    case "recoveryFromDeath": {
      const known = random.pick(model.in("running"));
      const { pid } = machineOf(model, known);
      expectDeath(model, known);
      await server.kill("host agent");
      return killAndWait(pid);
    }
    case "reconcile": {
      // A deletion whose control plane dies half-way is a reconciler's to finish, of the next life and of the one after.
      const known = random.pick(model.in("running"));
      known.states = new Set(["gone"]);
      server.arm("control.delete.unwanted");
      await attempt(server, { method: "DELETE", path: `/v1/sandboxes/${known.id}` });
      await waitFor(() => !server.isArmed, {
        timeoutMs: REACHED_TIMEOUT_MS,
        message: "the deletion was not cut short",
      });
      server.arm("control.reconciler.claimed");
      return;
    }
    default:
      return deeds[way](context);
  }
}

/** A persistent one is started again from its disk, where its runtime gives it one. Its row may be behind by a comparison. */
function expectDeath({ server }: Model, known: Known): void {
  const isPersistent = readJournal(server).sandboxes.find(({ id }) => id === known.id)?.persistent === true;
  const comesBack = isPersistent && existsSync(join(server.poolDir, "sandboxes", known.id, "disk"));
  known.states = new Set([comesBack ? "running" : "failed"]);
  known.memory = "lost";
  known.deaths += 1;
}

/** A machine that dies is told of at once; what was in it is lost, and nothing else. */
export async function killMachine(model: Model, known: Known): Promise<void> {
  const { pid } = machineOf(model, known);
  const alive = () => parts.map((part) => model.server.pidOf(part)).join();
  const watching = alive();
  expectDeath(model, known);
  await killAndWait(pid);
  if (known.states.has("running")) return untilStartedAgain(model, known);
  const since = performance.now();
  const shown = await waitFor(
    async () => {
      const outcome = await attempt(model.server, { method: "GET", path: `/v1/sandboxes/${known.id}` });
      return outcome.is === "done" && outcome.body.status === "failed" ? outcome : undefined;
    },
    { timeoutMs: REACHED_TIMEOUT_MS, intervalMs: 20, message: `the death of ${known.id}'s machine is not shown` },
  );
  if (!shown.body.reason) throw new Error(`${known.id} has failed and does not say why`);
  const tookMs = performance.now() - since;
  // Where one of the processes that tell it was killed at the same time, its next life does.
  if (tookMs > DEATH_SHOWN_MS && alive() === watching)
    throw new Error(`the death of ${known.id}'s machine was shown after ${Math.round(tookMs)} ms`);
}

async function untilStartedAgain({ server }: Model, { id }: Known): Promise<void> {
  await waitFor(
    async () => {
      const outcome = await attempt(server, { method: "GET", path: `/v1/sandboxes/${id}` });
      return outcome.is === "done" && outcome.body.status === "running" && outcome.body.boot_mode === "cold";
    },
    {
      timeoutMs: STARTED_AGAIN_TIMEOUT_MS,
      intervalMs: 50,
      message: `${id}, whose machine has died, is not started again`,
    },
  );
}

function machineOf(model: Model, known: Known): JournalMachine {
  const machine = readJournal(model.server).sandboxes.find(({ id }) => id === known.id)?.machine;
  if (!machine) throw new Error(`the journal has no machine for ${known.id}`);
  return machine;
}

/** Failed ones go; of the others few stay, so that every round costs the same. */
async function tidyUp({ model, random }: DeedContext): Promise<void> {
  const { server } = model;
  const doomed = [...model.sandboxes.values()].filter(
    ({ states, deaths }) => states.has("failed") || deaths >= TOLERATED_DEATHS,
  );
  const rest = [...model.sandboxes.values()].filter((known) => !doomed.includes(known));
  while (rest.length > KEPT_SANDBOXES) {
    const known = random.pick(rest);
    rest.splice(rest.indexOf(known), 1);
    doomed.push(known);
  }
  for (const { id } of doomed) {
    await untilDone(server, { method: "DELETE", path: `/v1/sandboxes/${id}` });
    model.sandboxes.delete(id);
  }
  const held = new Set([...model.sandboxes.values()].map(({ volume }) => volume));
  const free = await freeVolumes(model);
  for (const name of free.filter((one) => !held.has(one)).slice(KEPT_VOLUMES)) {
    await untilDone(server, { method: "DELETE", path: `/v1/volumes/${name}` });
    model.volumes.delete(name);
  }
  for (const id of [...model.snapshots.keys()].slice(KEPT_SNAPSHOTS)) {
    await untilDone(server, { method: "DELETE", path: `/v1/snapshots/${id}` });
    model.snapshots.delete(id);
  }
}

/** Copies of one may be with sandboxes that do not know of it: children, and those from snapshots. */
async function freeVolumes({ server }: Model): Promise<string[]> {
  const rows: { name: string; attached_to: unknown[] }[] = await untilDone(server, {
    method: "GET",
    path: "/v1/volumes",
  });
  return rows.filter((row) => row.attached_to.length === 0).map((row) => row.name);
}
