import { rmSync } from "node:fs";
import type { HostSandbox } from "@pandastack/contracts/host";
import { Fault, crashPoint } from "@pandastack/platform";
import { hibernationDir } from "../../files/layout.ts";
import { readManifest, requireLoadable } from "../../images/manifest.ts";
import type { Answering } from "../commit.ts";
import { requireEntry, type HostContext } from "../context.ts";
import { keepDisk } from "../disk.ts";
import { networkOf, toHostSandbox } from "../record.ts";
import { mayRun } from "../rules.ts";
import { planRestore, startFromImage, undoStart } from "../start.ts";
import { attachWoken, beginTouching } from "../volumes/attach.ts";
import { resumeSandbox } from "./pause.ts";

/**
 * The woken machine gets a copy of the image's disk, and the image goes only after the journal knows of the machine: a start
 * that dies half-way, even after the guest ran, leaves memory and disk of the same instant.
 */
export async function wakeSandbox(context: HostContext, sandboxId: string, answering: Answering): Promise<HostSandbox> {
  const entry = requireEntry(context, sandboxId);
  if (!mayRun("wake", entry.record)) return answering([], toHostSandbox(entry.record));
  if (entry.state === "paused") return resumeSandbox(context, sandboxId, answering);
  const began = performance.now();
  const imageDir = hibernationDir(context.layout, sandboxId);
  const manifest = readManifest(imageDir);
  if (!manifest) throw new Fault("sandbox.wake_failed", `the memory of sandbox ${sandboxId} is not on this host`);
  requireLoadable(manifest, context.runtime);
  using _room = await context.admission.reserve({ machines: { count: 1, memoryMb: manifest.memoryMb } });
  const { runtime, slots } = context;
  const { persistent, env } = entry.record;
  await beginTouching(context, entry.record, imageDir);
  const ready = await planRestore(context, { imageDir, size: manifest, durable: persistent });
  const attachments = attachWoken(context, entry.record, imageDir);
  const network = networkOf(entry.record);
  const started = await startFromImage({ runtime, slots, ready, sandboxId, env, network, attachments });
  crashPoint("host.wake.started");
  const bootMs = Math.round((performance.now() - began) * 10) / 10;
  const record = {
    ...entry.record,
    state: "running" as const,
    bootMode: "wake" as const,
    bootMs,
    ...(attachments.attached.length === 0 ? {} : { volumes: attachments.attached }),
    machine: started.machine.record,
  };
  let result: HostSandbox;
  try {
    result = answering(
      [
        {
          putSandbox: { id: sandboxId, record },
          event: { sandboxId, type: "sandbox.woken", payload: { wake_ms: bootMs } },
        },
      ],
      toHostSandbox(record),
    );
  } catch (error) {
    await undoStart(slots, started);
    throw error;
  }
  crashPoint("host.wake.committed");
  keepDisk(context.layout, sandboxId, started.machine);
  crashPoint("host.wake.disk-kept");
  entry.record = record;
  entry.takeLife(started);
  context.watch(entry, started.machine);
  context.later("remove a woken sandbox's image", () =>
    Promise.resolve(rmSync(imageDir, { recursive: true, force: true })),
  );
  return result;
}
