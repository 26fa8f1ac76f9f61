import type { BenchClient } from "../bench-client.ts";
import type { Row } from "../stats.ts";

const DIRTY_MB = 40;

/** A parent with 40 MB of memory of its own, one child and ten. */
export async function measureFork(client: BenchClient, rounds: number, tens: number): Promise<Row[]> {
  const parent = await client.create();
  await client.exec(parent.id, `head -c ${DIRTY_MB}000000 /dev/urandom > /dev/shm/dirty`);
  const one: number[] = [];
  const pause: number[] = [];
  const ten: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const forked = await client.fork(parent.id, 1);
    one.push(forked.ms);
    pause.push(forked.json.paused_ms);
    // The answer promises this.
    await client.exec(forked.ids[0] ?? "", "test -s /dev/shm/dirty");
    await client.remove(...forked.ids);
  }
  for (let round = 0; round < tens; round++) {
    const forked = await client.fork(parent.id, 10);
    ten.push(forked.ms);
    await client.remove(...forked.ids);
  }
  await client.remove(parent.id);
  return [
    { name: `fork with ${DIRTY_MB} MB dirty, one child usable`, unit: "ms", target: { atMost: 350 }, samples: one },
    { name: "  of it: parent stands still", unit: "ms", samples: pause },
    { name: `fork with ${DIRTY_MB} MB dirty, ten children`, unit: "ms", samples: ten },
  ];
}
