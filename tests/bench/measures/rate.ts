import type { MakeMeasure } from "../measure.ts";
import type { Target } from "../stats.ts";
import { targetsOf } from "../targets.ts";

/** Creates a second with so many in flight. */
export const rate =
  (inFlight: number, target?: (targets: ReturnType<typeof targetsOf>) => Target): MakeMeasure =>
  ({ client, quick, runtime }) => {
    const total = Math.max(quick ? 4 : 8, inFlight * 2);
    const samples: number[] = [];
    return {
      rounds: quick ? 1 : 4,
      async round(isCounted) {
        const ids: string[] = [];
        let left = isCounted ? total : inFlight;
        const began = performance.now();
        await Promise.all(
          Array.from({ length: inFlight }, async () => {
            while (left-- > 0) ids.push((await client.create()).id);
          }),
        );
        const seconds = (performance.now() - began) / 1000;
        if (isCounted) samples.push(ids.length / seconds);
        await client.remove(...ids);
      },
      rows: () => [
        {
          name: `creates a second, ${inFlight} in flight`,
          unit: "/s",
          ...(target && { target: target(targetsOf(runtime)) }),
          samples,
        },
      ],
    };
  };
