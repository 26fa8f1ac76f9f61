import type { MakeMeasure } from "../measure.ts";
import { TRANSFER_MEMORY_MB, transferProcesses, watchGrowth } from "../../e2e/support/memory.ts";

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
      if (server === undefined) return;
      const { id } = await client.create();
      const path = `/sandboxes/${id}/fs?path=/root/large`;
      const pieces = isCounted ? sizeMb : 16;
      const growth = watchGrowth(transferProcesses(server.dataDir));
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
