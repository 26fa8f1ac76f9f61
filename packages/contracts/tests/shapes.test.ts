import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeExecFrames, encodeExecFrame, ExecFrameKind } from "../src/host/index.ts";
import { CreateSandboxRequest, isOn, Metadata, modeBits, WorkspaceSlug } from "../src/index.ts";

test("exec frames survive any chunking", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.constantFrom(...Object.values(ExecFrameKind)), fc.uint8Array({ maxLength: 300 })), {
        maxLength: 20,
      }),
      fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 40 }),
      async (frames, cuts) => {
        const bytes = Buffer.concat(frames.map(([kind, payload]) => encodeExecFrame(kind, payload)));
        const chunks = async function* () {
          let at = 0;
          for (let i = 0; at < bytes.length; i++) {
            const size = cuts[i % cuts.length]!;
            yield bytes.subarray(at, at + size);
            at += size;
          }
        };
        const decoded: [number, Uint8Array][] = [];
        for await (const { kind, payload } of decodeExecFrames(chunks())) decoded.push([kind, new Uint8Array(payload)]);
        expect(decoded).toEqual(frames.map(([kind, payload]) => [kind, new Uint8Array(payload)]));
      },
    ),
    { seed: 20261122 },
  );
});

test("metadata has limits", () => {
  expect(Metadata.safeParse({ a: "x".repeat(8192) }).success).toBe(true);
  expect(Metadata.safeParse({ a: "x".repeat(8193) }).success).toBe(false);
  expect(Metadata.safeParse({ [`k`.repeat(129)]: "" }).success).toBe(false);
  expect(Metadata.safeParse(Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`k${i}`, ""]))).success).toBe(
    false,
  );
});

test("a key named __proto__ is a key, or nothing", () => {
  const parsed = CreateSandboxRequest.parse(
    JSON.parse('{"metadata":{"__proto__":"x","a":"1"},"env":{"__proto__":"y"}}'),
  );
  expect(({} as Record<string, unknown>)["x"]).toBeUndefined();
  expect(Object.getPrototypeOf(parsed.metadata)).toBe(Object.prototype);
});

test("flags, modes, slugs", () => {
  expect(["1", "true", ""].map((flag) => isOn(flag as "1"))).toEqual([true, true, true]);
  expect(["0", "false", undefined].map((flag) => isOn(flag as "0"))).toEqual([false, false, false]);
  expect([modeBits("644"), modeBits("0755"), modeBits(0o600)]).toEqual([0o644, 0o755, 0o600]);
  for (const slug of ["a", "-ab", "Ab", "a b", "a".repeat(41)])
    expect(WorkspaceSlug.safeParse(slug).success, slug).toBe(false);
});
