import { randomBytes } from "node:crypto";
import type { MakeMeasure } from "../measure.ts";

const TARGET_MB_S = 20;

/** One file up and down again. Random bytes: nothing on the way can make less of them. */
export const files: MakeMeasure = ({ client, quick }) => {
  const sizeMb = quick ? 16 : 64;
  const content = randomBytes(sizeMb * 1_000_000);
  let id = "";
  const up: number[] = [];
  const down: number[] = [];
  return {
    rounds: quick ? 2 : 6,
    async prepare() {
      id = (await client.create()).id;
    },
    async round(isCounted) {
      const path = `/sandboxes/${id}/fs?path=/root/file`;
      const written = await client.call("PUT", path, content);
      const read = await client.call("GET", path);
      if (read.bytes !== content.length) throw new Error(`${read.bytes} bytes of ${content.length} came back`);
      if (!isCounted) return;
      up.push(sizeMb / (written.ms / 1000));
      down.push(sizeMb / (read.ms / 1000));
    },
    finish: () => client.remove(id),
    rows: () => [
      { name: `file upload, ${sizeMb} MB`, unit: "MB/s", target: { atLeast: TARGET_MB_S }, samples: up },
      { name: `file download, ${sizeMb} MB`, unit: "MB/s", target: { atLeast: TARGET_MB_S }, samples: down },
    ],
  };
};
