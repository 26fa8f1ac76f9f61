import { randomBytes, randomUUID } from "node:crypto";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { TemplateStart } from "@pandastack/contracts/host";
import type { Logger } from "@pandastack/platform";
import { newHexId, crashPoint } from "@pandastack/platform";
import { scratchDir, type HostLayout } from "../files/layout.ts";
import { GuestClient } from "../guest/client.ts";
import { GuestConnection } from "../guest/connection.ts";
import { run } from "../processes/run.ts";
import type { Machine, MachineRecord, MachineSize, Runtime } from "../runtimes/runtime.ts";
import type { NetworkSlot } from "../network/slot.ts";
import { startProgram } from "./start-program.ts";

/** A cold boot takes 2–5 s in emulation; on a machine that does other things at the same time, many times that. */
const BOOT_TIMEOUT_MS = 180_000;
const WARM_UP_TIMEOUT_MS = 60_000;
const COPY_TIMEOUT_MS = 300_000;
/** Three seconds in a row in which the VMM used at most 2 % of a core, within half a minute. */
const SETTLE_TIMEOUT_MS = 30_000;
const LOOK_INTERVAL_MS = 1_000;
const QUIET_LOOKS = 3;
const QUIET_CPU_MS = 20;

/** Run once before the template's memory is taken, so that what every first command needs is in the guest's page cache. */
const WARM_UP = [
  "true",
  "bash -lc true",
  "ls -la / >/dev/null; cat /etc/hostname >/dev/null; id >/dev/null; ps >/dev/null",
  "python3 -c 'import json, os, sys, subprocess'",
  "node -e 0",
  "git --version >/dev/null; curl --version >/dev/null",
];

/** Boots a root file system, warms it up and takes its image into `imageDir`. Nothing but the image is left. Answers what the image needs. */
export async function bakeTemplate(options: {
  runtime: Runtime;
  layout: HostLayout;
  slot: NetworkSlot;
  size: MachineSize;
  /** A root file system, see `Runtime.rootImage`. */
  rootfs: string;
  imageDir: string;
  /** What runs in it. */
  start?: TemplateStart | undefined;
  log: Logger;
}): Promise<Pick<MachineRecord, "needs">> {
  const { runtime, slot, size, log } = options;
  const work = scratchDir(options.layout, `bake-${newHexId(4)}`);
  mkdirSync(work, { recursive: true, mode: 0o700 });
  try {
    const rootDisk = runtime.rootImage === undefined ? join(work, "disk") : options.rootfs;
    if (rootDisk !== options.rootfs)
      await run("cp", ["--sparse=always", "--", options.rootfs, rootDisk], { timeoutMs: COPY_TIMEOUT_MS });
    await runtime.furnish?.(rootDisk);
    const { machine, channel, token } = await runtime.boot({
      machineId: newHexId(6),
      slot,
      size,
      rootDisk,
      durable: false,
    });
    try {
      const client = new GuestClient(new GuestConnection(channel));
      const began = performance.now();
      await client.connection
        .hello({
          resync: false,
          timeoutMs: BOOT_TIMEOUT_MS,
          ...(token === undefined ? {} : { token }),
          refresh: {
            generation: "bake",
            entropy: randomBytes(64).toString("base64"),
            hostname: "pandastack",
            ...(machine.token === undefined ? {} : { token: machine.token }),
          },
        })
        .catch(async (error: unknown) => {
          throw new Error(
            `the template's machine did not boot; its console: ${(await machine.consoleLog()).text.slice(-1500)}`,
            { cause: error },
          );
        });
      log.info({ ms: Math.round(performance.now() - began) }, "template booted");
      crashPoint("host.bake.booted");
      await warmUp(client, log);
      if (options.start) await startProgram(client, options.start);
      await rehearse(client, machine.token);
      await settle(machine);
      await client.quiesce({ hangUp: machine.mustHangUp });
      await machine.snapshot({ imageDir: options.imageDir, resume: false, durable: true });
      crashPoint("host.bake.imaged");
    } finally {
      await machine.stop();
    }
    crashPoint("host.bake.stopped");
    return machine.record;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Says HELLO as after a restore, so that what the agent needs for its answer has been allocated and touched once. */
async function rehearse(client: GuestClient, token: string | undefined): Promise<void> {
  for (const generation of ["rehearsal-1", "rehearsal-2"]) {
    await client.connection.hello({
      resync: false,
      timeoutMs: WARM_UP_TIMEOUT_MS,
      ...(token === undefined ? {} : { token }),
      refresh: {
        generation,
        entropy: randomBytes(64).toString("base64"),
        hostname: "pandastack",
        machine_id: newHexId(16),
        boot_id: randomUUID(),
        token: token ?? newHexId(16),
        env: {},
        reset_connections: true,
        hooks: true,
      },
    });
  }
}

/**
 * Waits until the guest has nothing left to do: callbacks and delayed work of the warm-up that were still due would be the
 * first thing that every copy does. A template whose own programs never rest is taken as it is.
 */
async function settle(machine: Machine): Promise<void> {
  const end = performance.now() + SETTLE_TIMEOUT_MS;
  for (let quiet = 0; quiet < QUIET_LOOKS && performance.now() < end;) {
    const before = await machine.usage();
    await delay(LOOK_INTERVAL_MS);
    const after = await machine.usage();
    quiet = after.cpuMs - before.cpuMs <= QUIET_CPU_MS ? quiet + 1 : 0;
  }
}

async function warmUp(client: GuestClient, log: Logger): Promise<void> {
  for (const shell of WARM_UP) {
    for await (const event of client.exec({ shell, timeoutMs: WARM_UP_TIMEOUT_MS })) {
      if (event.kind === "result" && event.result.exit_code !== 0)
        log.warn({ shell, ...event.result }, "warm-up command failed");
    }
  }
}
