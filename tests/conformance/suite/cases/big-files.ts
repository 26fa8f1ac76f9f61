import { createHash } from "node:crypto";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect } from "vitest";
import { area } from "../case.ts";
import type { Box } from "../box.ts";

const { cases, inside } = area("big files");
export const bigFileCases = cases;

const SIZE_BYTES = 100 * 1024 * 1024;
const CHUNK_BYTES = 1024 * 1024;
/** What a stream of any length may hold on its way: windows and chunks. */
const FLAT_BYTES = 32 * 1024 * 1024;
/** A full collection takes a tenth of a second. */
const LOOK_EACH = 16;

/** The same 100 MB each time, a megabyte at a time; no two megabytes alike. */
function* megabytes(): Generator<Buffer> {
  const chunk = Buffer.alloc(CHUNK_BYTES, "pandastack");
  for (let index = 0; index < SIZE_BYTES / CHUNK_BYTES; index++) {
    chunk.writeUInt32LE(index, 0);
    yield Buffer.from(chunk);
  }
}

async function upAndDown(box: Box, watch: () => void): Promise<{ up: string; down: string; inside: string }> {
  const guest = await box.guest();
  const [sent, got] = [createHash("sha256"), createHash("sha256")];
  async function* body(): AsyncGenerator<Buffer> {
    for (const chunk of megabytes()) {
      sent.update(chunk);
      watch();
      yield chunk;
    }
  }
  expect((await guest.writeFile({ path: "/root/big" }, body())).bytes).toBe(SIZE_BYTES);
  const inside = (await box.text("sha256sum /root/big")).split(" ")[0]!;
  const { body: content, entry } = await guest.readFile({ path: "/root/big" });
  expect(entry.size).toBe(SIZE_BYTES);
  for await (const chunk of content) {
    got.update(chunk as Buffer);
    watch();
  }
  await guest.fs({ op: "remove", path: "/root/big" });
  return { up: sent.digest("hex"), down: got.digest("hex"), inside };
}

inside(
  "a hundred megabytes go up and come down unchanged",
  async ({ box }) => {
    const { up, down, inside: there } = await upAndDown(box, () => undefined);
    expect({ there, down }).toEqual({ there: up, down: up });
  },
  { origins: ["restored"], timeoutMs: 180_000 },
);

inside(
  "a hundred megabytes pass without staying in the agent's memory",
  async ({ box }) => {
    const before = heldBytes();
    let [peak, chunks] = [0, 0];
    await upAndDown(box, () => {
      if (chunks++ % LOOK_EACH === 0) peak = Math.max(peak, heldBytes());
    });
    expect(chunks).toBeGreaterThan(2 * LOOK_EACH);
    expect(peak - before, "growth of what this process holds, in bytes").toBeLessThan(FLAT_BYTES);
  },
  { origins: ["fresh"], timeoutMs: 180_000 },
);

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** What is in use, not what the allocator keeps or nobody has collected yet: those depend on the moment. */
function heldBytes(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
