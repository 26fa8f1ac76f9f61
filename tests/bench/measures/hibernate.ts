import type { BenchClient } from "../bench-client.ts";
import type { Row } from "../stats.ts";

export async function measureHibernate(client: BenchClient, rounds: number): Promise<Row[]> {
  const { id } = await client.create();
  await client.exec(id, "true");
  const hibernate: number[] = [];
  const wake: number[] = [];
  for (let round = 0; round < rounds; round++) {
    hibernate.push((await client.call("POST", `/sandboxes/${id}/hibernate`)).ms);
    wake.push((await client.call("POST", `/sandboxes/${id}/wake`)).ms);
    await client.exec(id, "true");
  }
  await client.remove(id);
  return [
    { name: "hibernate", unit: "ms", target: { atMost: 500 }, samples: hibernate },
    { name: "wake", unit: "ms", target: { atMost: 150 }, samples: wake },
  ];
}
