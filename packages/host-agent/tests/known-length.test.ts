import { Readable } from "node:stream";
import { fc, test } from "@fast-check/vitest";
import { expect, it } from "vitest";
import type { FileEntry } from "@pandastack/contracts/host";
import { promisedLength, withKnownLength } from "../src/http/known-length.ts";

const entry = (size: number, type: FileEntry["type"] = "file"): FileEntry => ({
  name: "f",
  path: "/f",
  type,
  size,
  mode: 0o644,
  mode_string: "-rw-r--r--",
  uid: 0,
  gid: 0,
  user: "root",
  group: "root",
  mtime_ms: 0,
  symlink_target: null,
});

const content = (sizes: number[]) => Readable.from(sizes.map((size) => Buffer.alloc(size, "x")));

async function lengthOf(body: Readable): Promise<number> {
  let bytes = 0;
  for await (const chunk of body) bytes += (chunk as Buffer).length;
  return bytes;
}

it("promises what is left of a piece, and nothing of what has no size", () => {
  expect(promisedLength(entry(100), {})).toBe(100);
  expect(promisedLength(entry(100), { offset: 40 })).toBe(60);
  expect(promisedLength(entry(100), { offset: 40, length: 10 })).toBe(10);
  expect(promisedLength(entry(100), { offset: 400 })).toBe(0);
  expect(promisedLength(entry(0), {})).toBeUndefined();
  expect(promisedLength(entry(10, "fifo"), {})).toBeUndefined();
});

test.prop([fc.array(fc.integer({ min: 1, max: 50_000 }), { maxLength: 12 }), fc.integer({ min: 0, max: 400_000 })])(
  "the length that is said is the length that comes, or it breaks off",
  async (sizes, promised) => {
    const { body, lengthBytes } = await withKnownLength(content(sizes), promised);
    const whole = sizes.reduce((sum, size) => sum + size, 0);
    const came = await lengthOf(body).catch((error: Error) => error.message);
    if (lengthBytes === undefined) expect(came).toBe(whole);
    else if (typeof came === "string") expect(lengthBytes).toBeGreaterThan(whole);
    else expect(came).toBe(lengthBytes);
  },
);

it("counts short content, whatever its size claims; cuts what grew; breaks off what shrank", async () => {
  expect((await withKnownLength(content([5]), 4096)).lengthBytes).toBe(5);
  const grown = await withKnownLength(content([60_000, 60_000, 60_000]), 150_000);
  expect([grown.lengthBytes, await lengthOf(grown.body)]).toEqual([150_000, 150_000]);
  const shrunk = await withKnownLength(content([60_000, 60_000]), 150_000);
  await expect(lengthOf(shrunk.body)).rejects.toThrow("became shorter");
});
