import { existsSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type { MakeMeasure } from "../measure.ts";
import { targetsOf } from "../targets.ts";
import { cpuMs, uniqueMb } from "../processes.ts";

/** A wake-up a second counts as ten. */
const WATCHED_MS = 10_000;
const SETTLED_MS = 2_000;

/**
 * A sandbox that nobody uses: what of the host's memory is its VMM's alone, and the CPU time it takes. The second one only
 * lives meanwhile, so that what both share counts for neither.
 */
export const idle: MakeMeasure = ({ client, quick, runtime }) => {
  const fresh: number[] = [];
  const used: number[] = [];
  const cpu: number[] = [];
  let notRun: string | undefined;
  return {
    rounds: quick ? 1 : 3,
    async round(isCounted) {
      if (!isCounted || notRun !== undefined) return;
      const [one, other] = [await client.create(), await client.create()];
      const { pid } = (await client.call("GET", `/sandboxes/${other.id}/metrics`)).json;
      await client.call("GET", `/sandboxes/${one.id}/metrics`);
      if (existsSync(`/proc/${pid}/smaps_rollup`)) {
        await delay(SETTLED_MS);
        fresh.push(uniqueMb(pid));
        const before = cpuMs(pid);
        const began = performance.now();
        await delay(WATCHED_MS);
        cpu.push((100 * (cpuMs(pid) - before)) / (performance.now() - began));
        await client.exec(other.id, "true");
        await delay(SETTLED_MS);
        used.push(uniqueMb(pid));
      } else notRun = "the VMM is on another host, or another user's";
      await client.remove(one.id, other.id);
    },
    rows: () => {
      const told = notRun === undefined ? {} : { notRun };
      return [
        {
          name: "unique memory of an idle sandbox",
          unit: "MB",
          target: targetsOf(runtime).idleMemory,
          samples: fresh,
          ...told,
        },
        { name: "  after its first command", unit: "MB", samples: used, ...told },
        { name: "idle CPU, of one core", unit: "%", target: { atMost: 2 }, samples: cpu, ...told },
      ];
    },
  };
};
