import type { MakeMeasure } from "../measure.ts";
import { targetsOf } from "../targets.ts";

export const hibernate: MakeMeasure = ({ client, quick, runtime }) => {
  const targets = targetsOf(runtime);
  let id = "";
  const asleep: number[] = [];
  const awake: number[] = [];
  return {
    rounds: quick ? 3 : 12,
    async prepare() {
      id = (await client.create()).id;
    },
    async round(isCounted) {
      const down = await client.call("POST", `/sandboxes/${id}/hibernate`);
      const up = await client.call("POST", `/sandboxes/${id}/wake`);
      await client.exec(id, "true");
      if (!isCounted) return;
      asleep.push(down.ms);
      awake.push(up.ms);
    },
    finish: () => client.remove(id),
    rows: () => [
      { name: "hibernate", unit: "ms", target: targets.hibernate, samples: asleep },
      { name: "wake", unit: "ms", target: targets.wake, samples: awake },
    ],
  };
};
