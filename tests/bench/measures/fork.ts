import type { MakeMeasure } from "../measure.ts";

const DIRTY_MB = 40;

/** A parent with 40 MB of memory of its own, and so many children of it. */
export const fork =
  (children: number, atMostMs: number): MakeMeasure =>
  ({ client, quick }) => {
    let parent = "";
    const forked: number[] = [];
    const pause: number[] = [];
    return {
      rounds: children === 1 ? (quick ? 3 : 12) : quick ? 1 : 4,
      async prepare() {
        parent = (await client.create()).id;
        await client.exec(parent, `head -c ${DIRTY_MB}000000 /dev/urandom > /dev/shm/dirty`);
      },
      async round(isCounted) {
        const answer = await client.fork(parent, children);
        // The answer promises this.
        await client.exec(answer.ids.at(-1) ?? "", "test -s /dev/shm/dirty");
        await client.remove(...answer.ids);
        if (!isCounted) return;
        forked.push(answer.ms);
        pause.push(answer.json.paused_ms);
      },
      finish: () => client.remove(parent),
      rows: () => [
        {
          name: `fork with ${DIRTY_MB} MB dirty, ${children} usable`,
          unit: "ms",
          target: { atMost: atMostMs },
          samples: forked,
        },
        { name: "  of it: parent stands still", unit: "ms", target: { atMost: 60 }, samples: pause },
      ],
    };
  };
