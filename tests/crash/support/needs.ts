import { attach, change, deeds, makeVolume, withVolume, type DeedContext, type DeedName } from "./deeds.ts";
import type { Model, State } from "./model.ts";
import type { Random } from "./random.ts";

/** What must be there before it can be done. */
type Need = State | "snapshot" | "volume" | "attached" | "asleep with a volume";
const needs: Partial<Record<DeedName, Need>> = {
  cloneVolume: "attached",
  growVolume: "attached",
  growFreeVolume: "volume",
  deleteVolume: "volume",
  attach: "volume",
  wakeWithVolume: "asleep with a volume",
  removeWithVolume: "attached",
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
  if (need === "volume") await makeVolume(context);
  if (need === "attached" || need === "asleep with a volume") await provideAttached(context, need);
  if (need === "snapshot" && model.snapshots.size === 0) await deeds.snapshot(context);
  if (need === "paused" && model.in("paused").length === 0) {
    await createMarked(context);
    await deeds.pause(context);
  }
  if (need === "hibernated" && model.in("hibernated").length === 0) {
    await createMarked(context);
    await deeds.hibernate(context);
  }
}

async function createMarked(context: DeedContext): Promise<void> {
  await deeds.create(context);
  await context.model.putMark(context.model.in("running").at(-1)!);
}

async function provideAttached(context: DeedContext, need: "attached" | "asleep with a volume"): Promise<void> {
  const { model } = context;
  if (withVolume(model, "running").length === 0) {
    await makeVolume(context);
    await attach(context);
  }
  const known = withVolume(model, "running").at(-1)!;
  if (known.mark === undefined) await model.putMark(known);
  if (need === "attached") return;
  await change(context, known, "hibernated", { method: "POST", path: `/v1/sandboxes/${known.id}/hibernate` });
}
