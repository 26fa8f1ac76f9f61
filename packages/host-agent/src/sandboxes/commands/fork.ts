import { mkdirSync, rmSync } from "node:fs";
import type { ForkResult, HostCommand } from "@pandastack/contracts/host";
import { Refusal, newHexId, toErrorResponse, crashPoint } from "@pandastack/platform";
import { hibernationDir, sandboxDir, scratchDir } from "../../files/layout.ts";
import type { Change } from "../../journal/journal.ts";
import type { Runtime } from "../../runtimes/runtime.ts";
import { asRefusalWhenFull } from "../admission/index.ts";
import { asStep, type Answering } from "../commit.ts";
import { requireEntry, type HostContext } from "../context.ts";
import { keepDisk } from "../disk.ts";
import { SandboxEntry } from "../entry.ts";
import { whileQuiet } from "../quiet.ts";
import { networkOf, toHostSandbox, type SandboxRecord } from "../record.ts";
import { mayRun } from "../rules.ts";
import { planRestore, startFromImage, undoStart, type ReadyPlan, type Started } from "../start.ts";
import { forkVolumes, removeClones, requireForkVolumes } from "../volumes/fork.ts";
import type { VolumeRecord } from "../volumes/registry.ts";
import { canCopyMemory } from "../waking.ts";
import { copyImage } from "./snapshot.ts";
import { wakeSandbox } from "./wake.ts";

type Fork = Extract<HostCommand, { name: "forkSandbox" }>;
type Outcome = ForkResult["children"][number];

/** Children whose VMMs start while the parent's memory is still being written: more would only slow that down. */
const STARTED_DURING_SNAPSHOT = 2;
/** Children started side by side. */
const PARALLEL_CHILDREN = 4;

/**
 * Copies of a sandbox at one instant: memory, processes, disk. The parent stands still only while its changed pages are
 * written; the first children's VMMs start meanwhile, since their files exist from the beginning and are read when loaded.
 */
export async function forkSandbox(context: HostContext, command: Fork, answering: Answering): Promise<ForkResult> {
  const parent = requireEntry(context, command.sandboxId);
  mayRun("fork", parent.record);
  for (const child of command.children) {
    if (context.entries.has(child.sandboxId))
      throw new Refusal("sandbox.conflict", `sandbox ${child.sandboxId} exists already`);
  }
  if (!canCopyMemory(context, parent.record)) await wakeSandbox(context, parent.record.id, asStep(context.commit));
  await requireForkVolumes(context, parent.record, command.children);
  using _room = await context.admission.reserve({
    machines: { count: command.children.length, memoryMb: parent.record.memoryMb },
    imageBytes: parent.state === "hibernated" ? 0 : parent.machine.imageBytes(),
  });
  const began = performance.now();
  const imageDir = scratchDir(context.layout, `fork-${newHexId(6)}`);
  const { runtime } = context.runtimes.require(parent.record.runtime);
  const ahead: (Promise<ReadyPlan> | undefined)[] = [];
  const plan = async (durable: boolean, prepare: boolean): Promise<ReadyPlan> => {
    const ready = await planRestore(context, { runtime: runtime.name, imageDir, size: parent.record, durable });
    try {
      if (prepare) await runtime.prepare?.(ready.plan);
    } catch (error) {
      await context.slots.release(ready.slot);
      throw error;
    }
    return ready;
  };
  try {
    let pausedMs = 0;
    if (parent.state === "hibernated")
      await copyImage(context, hibernationDir(context.layout, parent.record.id), imageDir);
    else {
      mkdirSync(imageDir, { recursive: true, mode: 0o700 });
      const onLaidOut = () => {
        for (const child of command.children.slice(0, STARTED_DURING_SNAPSHOT)) {
          const early = plan(child.persistent, true);
          early.catch(() => {});
          ahead.push(early);
        }
      };
      ({ pausedMs } = await whileQuiet(parent, { goesOn: true }, () =>
        parent.machine.snapshot({ imageDir, resume: parent.state === "running", durable: false, onLaidOut }),
      ));
    }
    crashPoint("host.fork.imaged");
    const children = await inParallel(command.children, PARALLEL_CHILDREN, async (child, index) => {
      const ready = await (ahead[index] ?? plan(child.persistent, false));
      ahead[index] = undefined;
      return startChild(context, { runtime, parent: parent.record, child, ready, began, imageDir });
    });
    crashPoint("host.fork.started");
    try {
      return finish(context, { parent: parent.record, command, pausedMs, children, answering });
    } catch (error) {
      // The journal could not take them: full disk. They are no one's.
      await undoChildren(context, children);
      throw error;
    }
  } catch (error) {
    throw asRefusalWhenFull(error);
  } finally {
    await discardUnused(context, runtime, ahead);
    rmSync(imageDir, { recursive: true, force: true });
  }
}

interface Child {
  readonly record: SandboxRecord;
  readonly started: Started;
  readonly clones: readonly VolumeRecord[];
}

async function startChild(
  context: HostContext,
  options: {
    runtime: Runtime;
    parent: SandboxRecord;
    child: Fork["children"][number];
    ready: ReadyPlan;
    began: number;
    imageDir: string;
  },
): Promise<Child> {
  const { runtime, parent, child, ready } = options;
  const env = { ...parent.env, ...child.env };
  const network = child.network ?? networkOf(parent);
  const volumes = await forkVolumes(context, options).catch(async (error: unknown) => {
    await runtime.discard?.(ready.plan);
    await context.slots.release(ready.slot);
    throw error;
  });
  const { attachments, clones } = volumes;
  const { slots } = context;
  const { sandboxId } = child;
  let started: Started;
  try {
    started = await startFromImage({ runtime, slots, ready, sandboxId, env, network, attachments });
    crashPoint("host.fork.child-started");
  } catch (error) {
    await removeClones(context, clones);
    throw error;
  }
  const { deaths: _deaths, ...former } = parent;
  const record: SandboxRecord = {
    ...former,
    id: child.sandboxId,
    state: "running",
    persistent: child.persistent,
    network,
    env,
    bootMode: "fork",
    bootMs: Math.round((performance.now() - options.began) * 10) / 10,
    reason: null,
    createdAt: new Date().toISOString(),
    ...(attachments.attached.length === 0 ? {} : { volumes: attachments.attached }),
    machine: started.machine.record,
  };
  try {
    keepDisk(context.layout, record, started.machine);
  } catch (error) {
    await undoStart(slots, started);
    await removeClones(context, clones);
    throw error;
  }
  return { record, started, clones };
}

function finish(
  context: HostContext,
  fork: {
    parent: SandboxRecord;
    command: Fork;
    pausedMs: number;
    children: PromiseSettledResult<Child>[];
    answering: Answering;
  },
): ForkResult {
  const changes: Change[] = [];
  const outcomes = fork.children.map((settled, index): Outcome => {
    const { sandboxId } = fork.command.children[index]!;
    if (settled.status === "rejected") {
      const { body } = toErrorResponse(asRefusalWhenFull(settled.reason));
      context.log.error({ err: settled.reason, sandboxId }, "a forked child did not start");
      return { ok: false, sandboxId, error: body.error, code: body.code };
    }
    const { record, clones } = settled.value;
    for (const clone of clones) changes.push({ putVolume: { id: clone.id, record: clone } });
    const payload = { forked_from: fork.parent.id, boot_ms: record.bootMs, boot_mode: record.bootMode };
    changes.push({
      putSandbox: { id: record.id, record },
      event: { sandboxId: record.id, type: "sandbox.running", payload },
    });
    return { ok: true, sandbox: toHostSandbox(record) };
  });
  const payload = { paused_ms: fork.pausedMs, children: fork.command.children.map((child) => child.sandboxId) };
  changes.push({ event: { sandboxId: fork.parent.id, type: "sandbox.forked", payload } });
  const result = fork.answering(changes, { pausedMs: fork.pausedMs, children: outcomes });
  crashPoint("host.fork.committed");
  for (const settled of fork.children) {
    if (settled.status === "rejected") continue;
    const { record, started, clones } = settled.value;
    for (const clone of clones) context.volumes.records.set(clone.id, clone);
    const entry = new SandboxEntry(record, started);
    context.entries.set(record.id, entry);
    context.watch(entry, started.machine);
  }
  return result;
}

async function undoChildren(context: HostContext, children: readonly PromiseSettledResult<Child>[]): Promise<void> {
  for (const settled of children) {
    if (settled.status === "rejected") continue;
    const { record, started, clones } = settled.value;
    await undoStart(context.slots, started);
    await removeClones(context, clones);
    rmSync(sandboxDir(context.layout, record.id), { recursive: true, force: true });
  }
}

/** VMMs that were started for children which then were not, because the snapshot failed. */
async function discardUnused(
  context: HostContext,
  runtime: Runtime,
  ahead: readonly (Promise<ReadyPlan> | undefined)[],
): Promise<void> {
  for (const early of ahead) {
    const ready = await early?.catch(() => undefined);
    if (!ready) continue;
    await runtime.discard?.(ready.plan);
    await context.slots.release(ready.slot);
  }
}

async function inParallel<T, R>(
  items: readonly T[],
  width: number,
  work: (item: T, index: number) => Promise<R>,
): Promise<PromiseSettledResult<R>[]> {
  const results: PromiseSettledResult<R>[] = [];
  let next = 0;
  const lane = async () => {
    for (let index = next++; index < items.length; index = next++) {
      results[index] = await work(items[index]!, index).then(
        (value): PromiseSettledResult<R> => ({ status: "fulfilled", value }),
        (reason: unknown): PromiseSettledResult<R> => ({ status: "rejected", reason }),
      );
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, lane));
  return results;
}
