import type { MakeMeasure } from "../measure.ts";
import { median } from "../stats.ts";
import { targetsOf } from "../targets.ts";

/** Cells after the first, of which the median counts. */
const LATER_CELLS = 10;

/**
 * The first cell of a new sandbox whose snapshot has a kernel in it, as interpreter templates have, and those after it. Then what
 * starting an interpreter costs where the template has none.
 */
export const code: MakeMeasure = ({ client, quick, runtime }) => {
  const targets = targetsOf(runtime);
  const first: number[] = [];
  const later: number[] = [];
  const cold: number[] = [];
  let warm = "";
  const cell = async (id: string) => (await client.call("POST", `/sandboxes/${id}/code/run`, { code: "1+1" })).ms;
  return {
    rounds: quick ? 5 : 20,
    async prepare() {
      const { id } = await client.create();
      await cell(id);
      warm = (await client.call("POST", `/sandboxes/${id}/snapshots`)).json.id;
      await client.remove(id);
    },
    async round(isCounted) {
      const copy = await client.create({ from_snapshot: warm });
      const firstMs = await cell(copy.id);
      const laterMs: number[] = [];
      for (let n = 0; n < LATER_CELLS; n++) laterMs.push(await cell(copy.id));
      await client.remove(copy.id);
      const plain = await client.create();
      const coldMs = await cell(plain.id);
      await client.remove(plain.id);
      if (!isCounted) return;
      first.push(firstMs);
      later.push(median(laterMs));
      cold.push(coldMs);
    },
    async finish() {
      if (warm !== "") await client.call("DELETE", `/snapshots/${warm}`);
    },
    rows: () => [
      { name: "first cell, kernel in the snapshot", unit: "ms", target: targets.firstCell, samples: first },
      { name: "cells after it", unit: "ms", target: targets.laterCell, samples: later },
      { name: "first cell where an interpreter has to be started", unit: "ms", samples: cold },
    ],
  };
};
