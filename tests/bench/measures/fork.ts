import type { MakeMeasure } from "../measure.ts";
import type { Target } from "../stats.ts";
import { targetsOf } from "../targets.ts";

interface ForkOptions {
  readonly children: number;
  /** What the parent has in memory beside the template. */
  readonly dirtyMb: number;
  readonly rounds: { readonly quick: number; readonly whole: number };
  readonly target: (targets: ReturnType<typeof targetsOf>) => Target | undefined;
  readonly pauseTarget?: Target;
}

/** A parent with memory of its own, and so many children of it. Where nothing is promised there is no room for such a parent. */
export const fork =
  ({ children, dirtyMb, rounds, target: targetIn, pauseTarget }: ForkOptions): MakeMeasure =>
  ({ client, quick, runtime }) => {
    const target = targetIn(targetsOf(runtime));
    let parent = "";
    const forked: number[] = [];
    const pause: number[] = [];
    return {
      rounds: quick ? rounds.quick : rounds.whole,
      async prepare() {
        if (target === undefined) return;
        parent = (await client.create()).id;
        await client.exec(parent, `head -c ${dirtyMb}000000 /dev/urandom > /dev/shm/dirty`);
      },
      async round(isCounted) {
        if (target === undefined) return;
        const answer = await client.fork(parent, children);
        // The answer promises this.
        await client.exec(answer.ids.at(-1) ?? "", `test $(stat -c %s /dev/shm/dirty) = ${dirtyMb}000000`);
        await client.remove(...answer.ids);
        if (!isCounted) return;
        forked.push(answer.ms);
        pause.push(answer.json.paused_ms);
      },
      finish: () => (parent === "" ? Promise.resolve() : client.remove(parent)),
      rows() {
        const name = `fork with ${dirtyMb} MB dirty, ${children} usable`;
        const row = { name, unit: "ms", samples: forked } as const;
        if (target === undefined) return [{ ...row, notRun: "it does not fit beside what the machine itself needs" }];
        const still = { name: "  of it: parent stands still", unit: "ms", samples: pause } as const;
        return [{ ...row, target }, pauseTarget ? { ...still, target: pauseTarget } : still];
      },
    };
  };
