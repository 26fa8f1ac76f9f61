import { fc, test } from "@fast-check/vitest";
import { expect } from "vitest";
import { readJsonLines } from "../src/guest/json-lines.ts";

test.prop([fc.array(fc.jsonValue(), { maxLength: 8 }), fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 })])(
  "lines are the same in any chunking; one that was cut off is none",
  async (values, sizes) => {
    const bytes = Buffer.from(`${values.map((value) => `${JSON.stringify(value)}\n`).join("")}{"cut`);
    const chunks = async function* () {
      for (let at = 0, turn = 0; at < bytes.length; turn++) {
        const size = sizes[turn % sizes.length]!;
        yield bytes.subarray(at, at + size);
        at += size;
      }
    };
    const read: unknown[] = [];
    for await (const value of readJsonLines(chunks())) read.push(value);
    expect(read).toEqual(JSON.parse(JSON.stringify(values)));
  },
);
