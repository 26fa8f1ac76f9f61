import { randomBytes } from "node:crypto";
import type { BenchClient } from "../bench-client.ts";
import type { Row } from "../stats.ts";

export async function measureFiles(client: BenchClient, rounds: number, sizeMb: number): Promise<Row[]> {
  const { id } = await client.create();
  const content = randomBytes(sizeMb * 1_000_000);
  const up: number[] = [];
  const down: number[] = [];
  for (let round = 0; round < rounds; round++) {
    up.push(sizeMb / ((await client.call("PUT", `/sandboxes/${id}/fs?path=/root/file`, content)).ms / 1000));
    const read = await client.call("GET", `/sandboxes/${id}/fs?path=/root/file`);
    if (read.bytes !== content.length) throw new Error(`${read.bytes} bytes of ${content.length} came back`);
    down.push(sizeMb / (read.ms / 1000));
  }
  await client.remove(id);
  return [
    { name: `file upload, ${sizeMb} MB`, unit: "MB/s", samples: up },
    { name: `file download, ${sizeMb} MB`, unit: "MB/s", samples: down },
  ];
}
