import type { BenchClient } from "../bench-client.ts";
import type { Row } from "../stats.ts";

/** One after another: create, the first command, nine more, the tenth. */
export async function measureCreate(client: BenchClient, rounds: number): Promise<Row[]> {
  const create: number[] = [];
  const restore: number[] = [];
  const first: number[] = [];
  const tenth: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const made = await client.create();
    create.push(made.ms);
    restore.push(made.json.boot_ms);
    first.push((await client.exec(made.id, "true")).ms);
    if (round % 4 === 0) {
      for (let n = 2; n < 10; n++) await client.exec(made.id, "true");
      tenth.push((await client.exec(made.id, "true")).ms);
    }
    await client.remove(made.id);
  }
  return [
    { name: "create, answer = usable", unit: "ms", target: { atMost: 100 }, samples: create },
    { name: "  of it: restore on the host (boot_ms)", unit: "ms", samples: restore },
    { name: "first exec of true", unit: "ms", target: { atMost: 200 }, samples: first },
    { name: "tenth exec of true", unit: "ms", target: { atMost: 50 }, samples: tenth },
  ];
}

/** Creates a second with so many in flight. */
export async function measureRate(client: BenchClient, inFlight: number, total: number): Promise<Row> {
  const ids: string[] = [];
  const started = performance.now();
  let left = total;
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      while (left-- > 0) ids.push((await client.create()).id);
    }),
  );
  const seconds = (performance.now() - started) / 1000;
  await client.remove(...ids);
  return { name: `creates a second, ${inFlight} in flight`, unit: "/s", samples: [total / seconds] };
}
