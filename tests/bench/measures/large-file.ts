import type { MakeMeasure } from "../measure.ts";
import { residentMb } from "../processes.ts";
import { findBelow } from "../../e2e/support/process-tree.ts";

/** Resident memory that a transfer may add to one process, whatever its size; see docs/specification.md. */
export const TRANSFER_MEMORY_MB = 96;
const SAMPLED_EVERY_MS = 100;
const PIECE = Buffer.alloc(1_000_000, "pandastack ");

/** A file that no process on the way could hold, up and down: what the two of ours grow by meanwhile. */
export const largeFile: MakeMeasure = ({ client, quick, server }) => {
  const sizeMb = quick ? 256 : 2000;
  const up: number[] = [];
  const down: number[] = [];
  const grown = { "host agent": [] as number[], "control plane": [] as number[] };
  const notRun = server === undefined ? "the server is not the bench's own" : undefined;
  return {
    rounds: 1,
    async round(isCounted) {
      if (server?.supervisor.pid === undefined) return;
      const pids = {
        "host agent": findBelow(server.supervisor.pid, /host-agent\/src\/main\.ts/),
        "control plane": findBelow(server.supervisor.pid, /control-plane\/src\/main\.ts/),
      };
      const { id } = await client.create();
      const path = `/sandboxes/${id}/fs?path=/root/large`;
      const pieces = isCounted ? sizeMb : 16;
      const growth = watchGrowth(pids);
      const written = await client.upload(path, PIECE, pieces);
      const read = await client.call("GET", path);
      const peaks = growth.stop();
      await client.remove(id);
      if (read.bytes !== pieces * PIECE.length) throw new Error(`${read.bytes} bytes came back`);
      if (!isCounted) return;
      up.push(sizeMb / (written.ms / 1000));
      down.push(sizeMb / (read.ms / 1000));
      for (const name of Object.keys(grown) as (keyof typeof grown)[]) grown[name].push(peaks[name]);
    },
    rows: () => {
      const told = notRun === undefined ? {} : { notRun };
      return [
        { name: `file upload, ${sizeMb} MB`, unit: "MB/s", target: { atLeast: 20 }, samples: up, ...told },
        { name: `file download, ${sizeMb} MB`, unit: "MB/s", target: { atLeast: 20 }, samples: down, ...told },
        ...Object.entries(grown).map(([name, samples]) => ({
          name: `  the ${name} grows by`,
          unit: "MB" as const,
          target: { atMost: TRANSFER_MEMORY_MB },
          samples,
          ...told,
        })),
      ];
    },
  };
};

/** How far above where it began each process's resident memory rises. */
export function watchGrowth<K extends string>(pids: Record<K, number>): { stop(): Record<K, number> } {
  const names = Object.keys(pids) as K[];
  const began = Object.fromEntries(names.map((name) => [name, residentMb(pids[name])])) as Record<K, number>;
  const peak = { ...began };
  const sample = () => {
    for (const name of names) peak[name] = Math.max(peak[name], residentMb(pids[name]));
  };
  const timer = setInterval(sample, SAMPLED_EVERY_MS);
  return {
    stop() {
      clearInterval(timer);
      sample();
      return Object.fromEntries(names.map((name) => [name, peak[name] - began[name]])) as Record<K, number>;
    },
  };
}
