import { fc, test } from "@fast-check/vitest";
import { describe, expect } from "vitest";
import { MEMORY_LIMIT_MB } from "@pandastack/contracts";
import { askedSize } from "../src/templates/size.ts";

const template = { cpu: 1, memoryMb: 512 };

describe("a machine larger than its template's", () => {
  test.each([
    [{}, undefined],
    [{ cpu: null, memory_mb: null }, undefined],
    [{ cpu: 1, memory_mb: 512 }, undefined],
    [{ cpu: -1, memory_mb: 1 }, undefined],
    [{ memory_mb: 513 }, { cpus: 1, memoryMb: 1_024 }],
    [{ cpu: 1.5 }, { cpus: 2, memoryMb: 512 }],
    [{ memory_mb: 4_097 }, { cpus: 1, memoryMb: 6_144 }],
    [{ memory_mb: 1e12 }, { cpus: 1, memoryMb: MEMORY_LIMIT_MB }],
  ])("%o is %o", (asked, size) => expect(askedSize(asked, template)).toEqual(size));

  test.prop([fc.double({ noNaN: true }), fc.integer({ min: 128, max: 65_536 })])(
    "is never smaller, never beyond the limit, and one of few",
    (memory_mb, memoryMb) => {
      const size = askedSize({ memory_mb }, { cpu: 1, memoryMb });
      if (size === undefined) return;
      expect(size.memoryMb).toBeGreaterThanOrEqual(memoryMb);
      expect(size.memoryMb).toBeLessThanOrEqual(MEMORY_LIMIT_MB);
      expect(size.memoryMb % 512).toBe(0);
      expect(askedSize({ memory_mb: size.memoryMb }, { cpu: 1, memoryMb })).toEqual(size);
    },
  );
});
