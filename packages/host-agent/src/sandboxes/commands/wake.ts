import { rmSync } from "node:fs";
import type { HostSandbox } from "@pandastack/contracts/host";
import { crashPoint } from "@pandastack/platform";
import { hibernationDir } from "../../files/layout.ts";
import type { Answering } from "../commit.ts";
import { requireEntry, type HostContext } from "../context.ts";
import { keepDisk } from "../disk.ts";
import { networkOf, toHostSandbox, type SandboxRecord } from "../record.ts";
import { mayRun } from "../rules.ts";
import { planRestore, startCold, startFromImage, undoStart, type Started } from "../start.ts";
import { handVolumesTo } from "../volumes/hand-over.ts";
import { attachCold, attachWoken, beginTouching, type Attachments } from "../volumes/attach.ts";
import { wakeSource, withDiskOf, type WakeSource } from "../waking.ts";
import { resumeSandbox } from "./pause.ts";

const MEMORY_GONE = "its memory is not there any more";

/**
 * From memory where there is one that this host can restore, else from the disk. The woken machine gets a copy of the image's
 * disk, and the image goes only after the journal knows of the machine: a start that dies half-way, even after the guest ran,
 * leaves memory and disk of the same instant.
 */
export async function wakeSandbox(context: HostContext, sandboxId: string, answering: Answering): Promise<HostSandbox> {
  const entry = requireEntry(context, sandboxId);
  if (!mayRun("wake", entry.record)) return answering([], toHostSandbox(entry.record));
  if (entry.state === "paused") return resumeSandbox(context, sandboxId, answering);
  const began = performance.now();
  const { slots, volumes } = context;
  const source = wakeSource(context, entry.record);
  const { memoryMb } = source.kind === "memory" ? source.manifest : entry.record;
  using _room = await context.admission.reserve({ machines: { count: 1, memoryMb } });
  // One that has failed has let go of its volumes, and others may have them by now.
  const writable = (entry.record.volumes ?? []).filter((volume) => !volume.readOnly);
  const release = entry.state === "failed" ? volumes.claim(sandboxId, writable) : () => {};
  try {
    handVolumesTo(context, context.runtimes.require(entry.record.runtime).runtime, writable);
    const { started, attachments } = await start(context, entry.record, source);
    crashPoint("host.wake.started");
    const bootMs = Math.round((performance.now() - began) * 10) / 10;
    const { restartDue: _due, ...former } = entry.record;
    const record: SandboxRecord = {
      ...former,
      state: "running",
      bootMode: source.kind === "memory" ? "wake" : "cold",
      bootMs,
      reason: null,
      ...(attachments.attached.length === 0 ? {} : { volumes: attachments.attached }),
      machine: started.machine.record,
    };
    const why =
      source.kind === "image-disk" ? source.why : source.kind === "disk" ? (former.reason ?? MEMORY_GONE) : null;
    const payload = { wake_ms: bootMs, boot_mode: record.bootMode, ...(why === null ? {} : { reason: why }) };
    let result: HostSandbox;
    try {
      result = answering(
        [{ putSandbox: { id: sandboxId, record }, event: { sandboxId, type: "sandbox.woken", payload } }],
        toHostSandbox(record),
      );
    } catch (error) {
      await undoStart(slots, started);
      throw error;
    }
    crashPoint("host.wake.committed");
    keepDisk(context.layout, record, started.machine);
    crashPoint("host.wake.disk-kept");
    entry.record = record;
    entry.takeLife(started);
    context.watch(entry, started.machine);
    context.later("remove a woken sandbox's image", () =>
      Promise.resolve(rmSync(hibernationDir(context.layout, sandboxId), { recursive: true, force: true })),
    );
    return result;
  } finally {
    release();
  }
}

async function start(
  context: HostContext,
  record: SandboxRecord,
  source: WakeSource,
): Promise<{ started: Started; attachments: Attachments }> {
  const { slots } = context;
  const { runtime } = context.runtimes.require(record.runtime);
  const { id: sandboxId, env, persistent: durable } = record;
  const common = { runtime, slots, sandboxId, env, network: networkOf(record) };
  if (source.kind === "disk") {
    const attachments = attachCold(context, record, undefined);
    const cold = { ...common, size: record, durable, attachments };
    return { attachments, started: await startCold({ ...cold, rootDisk: source.disk }) };
  }
  const { imageDir } = source;
  await beginTouching(context, record, imageDir);
  if (source.kind === "image-disk") {
    const attachments = attachCold(context, record, imageDir);
    const cold = { ...common, size: record, durable, attachments };
    return {
      attachments,
      started: await withDiskOf(context, runtime, imageDir, (rootDisk) => startCold({ ...cold, rootDisk })),
    };
  }
  const ready = await planRestore(context, { runtime: runtime.name, imageDir, size: source.manifest, durable });
  const attachments = attachWoken(context, record, imageDir);
  return { attachments, started: await startFromImage({ ...common, ready, attachments }) };
}
