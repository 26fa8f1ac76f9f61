import { createHash } from "node:crypto";
import { expect, inject } from "vitest";
import { api, sandboxForTest, server } from "./support/api.ts";
import { TRANSFER_MEMORY_MB, transferProcesses, watchGrowth } from "./support/memory.ts";
import { itWhen } from "./support/not-run.ts";

const { dataDir, isFake } = inject("server");
const withVms = itWhen(
  !isFake && dataDir !== null,
  "the fake runtime keeps files in memory, or the server is elsewhere",
);

const SIZE_MB = 256;
/** Before the first large transfer the heaps have not grown to what they work with. */
const WARM_UP_MB = 32;
const PIECE = Buffer.alloc(1_000_000, "a line of a large file\n");
const TIMEOUT_MS = 240_000;

withVms(
  `a file of ${SIZE_MB} MB goes up and down through flat memory`,
  async () => {
    const id = await sandboxForTest();
    await roundTrip(id, WARM_UP_MB);
    const growth = watchGrowth(transferProcesses(dataDir!));
    try {
      await roundTrip(id, SIZE_MB);
    } finally {
      const grown = growth.stop();
      for (const [name, mb] of Object.entries(grown))
        expect(mb, `megabytes that the ${name} grew by`).toBeLessThan(TRANSFER_MEMORY_MB);
    }
  },
  TIMEOUT_MS,
);

async function roundTrip(id: string, sizeMb: number): Promise<void> {
  const path = `/v1/sandboxes/${id}/fs?path=/root/large`;
  const sent = createHash("sha256");
  let left = sizeMb;
  const body = new ReadableStream({
    pull(controller) {
      if (left-- === 0) return controller.close();
      sent.update(PIECE);
      controller.enqueue(new Uint8Array(PIECE));
    },
  });
  const written = await api("PUT", path, { body, headers: { "content-type": "application/octet-stream" } });
  expect(written.json, written.text).toMatchObject({ bytes: sizeMb * PIECE.length });

  const response = await fetch(`${server.url}${path}`, { headers: { authorization: `Bearer ${server.token}` } });
  const received = createHash("sha256");
  for await (const chunk of response.body!) received.update(chunk);
  expect(received.digest("hex")).toBe(sent.digest("hex"));
}
