import { describe, expect, test } from "vitest";
import { Refusal } from "@pandastack/platform";
import {
  Admission,
  MACHINE_POOL_BYTES,
  POOL_FLOOR_BYTES,
  POOL_RESERVE_BYTES,
} from "../../src/sandboxes/admission/admission.ts";
import { asRefusalWhenFull } from "../../src/sandboxes/admission/no-space.ts";
import { admissionSettings } from "../../src/sandboxes/admission/settings.ts";

const MIB = 1_048_576;

function host(options: { poolFreeBytes?: number; freeMb?: number; totalMb?: number; livingMb?: number }): Admission {
  return new Admission({
    settings: { reserveMb: 500, overcommit: 4 },
    measured: {
      poolFreeBytes: async () => options.poolFreeBytes ?? 100_000 * MIB,
      memoryAvailableBytes: () => (options.freeMb ?? 100_000) * MIB,
      memoryTotalBytes: () => (options.totalMb ?? 100_000) * MIB,
    },
    livingMb: () => options.livingMb ?? 0,
  });
}
const one = { machines: { count: 1, memoryMb: 512 } };
const refusedFor = (limit: string, code: string) => ({ code, details: { limit } });
const settle = async (all: Promise<unknown>[]): Promise<number> =>
  (await Promise.allSettled(all)).filter(({ status }) => status === "fulfilled").length;

describe("the pool", () => {
  test("of many that ask at the same moment, as many are let in as there is room for", async () => {
    const admission = host({ poolFreeBytes: POOL_RESERVE_BYTES + 5 * MACHINE_POOL_BYTES });
    const asked = Array.from({ length: 20 }, () => admission.reserve(one));
    expect(await settle(asked)).toBe(5);
    await expect(admission.reserve(one)).rejects.toMatchObject(refusedFor("pool", "capacity.insufficient_storage"));
  });

  test("room is given back once, however often that is said", async () => {
    const admission = host({ poolFreeBytes: POOL_RESERVE_BYTES + 2 * MACHINE_POOL_BYTES });
    const first = await admission.reserve(one);
    await admission.reserve(one);
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    await admission.reserve(one);
    await expect(admission.reserve(one)).rejects.toBeInstanceOf(Refusal);
  });

  test("what saves a sandbox may use the reserve, what is new may not", async () => {
    const admission = host({ poolFreeBytes: POOL_FLOOR_BYTES + 200 * MIB });
    await expect(admission.reserve({ imageBytes: MIB })).rejects.toMatchObject({
      code: "capacity.insufficient_storage",
    });
    await admission.reserve({ imageBytes: 150 * MIB, mayUseReserve: true });
    await expect(admission.reserve({ imageBytes: 60 * MIB, mayUseReserve: true })).rejects.toThrow(
      /needs 60 MiB.*of 232 MiB.*32 are kept and 150 promised/,
    );
  });

  test("a fork needs room for all of its children and for the changed memory", async () => {
    const machines = { count: 3, memoryMb: 512 };
    const needed = 3 * MACHINE_POOL_BYTES + 100 * MIB;
    await host({ poolFreeBytes: POOL_RESERVE_BYTES + needed }).reserve({ machines, imageBytes: 100 * MIB });
    await expect(
      host({ poolFreeBytes: POOL_RESERVE_BYTES + needed - 1 }).reserve({ machines, imageBytes: 100 * MIB }),
    ).rejects.toBeInstanceOf(Refusal);
  });
});

describe("memory", () => {
  test("no more is promised than the host's, less its reserve, times the overcommit", async () => {
    // (1000 - 500) * 4 = 2000: three of 512.
    expect(await settle(Array.from({ length: 9 }, () => host({ totalMb: 1000 }).reserve(one)))).toBe(9);
    const admission = host({ totalMb: 1000 });
    expect(await settle(Array.from({ length: 9 }, () => admission.reserve(one)))).toBe(3);
    await expect(admission.reserve(one)).rejects.toMatchObject(
      refusedFor("memory_promised", "capacity.insufficient_memory"),
    );
    await expect(host({ totalMb: 1000, livingMb: 1600 }).reserve(one)).rejects.toThrow(/1600 of 2000 MiB.*OVERCOMMIT/);
  });

  test("a share of it must be free now, with what is under way counted", async () => {
    const admission = host({ freeMb: 500 + 300 });
    expect(await settle(Array.from({ length: 9 }, () => admission.reserve(one)))).toBe(2);
    await expect(admission.reserve(one)).rejects.toMatchObject(
      refusedFor("memory_free", "capacity.insufficient_memory"),
    );
  });

  test("work that starts no machine is not refused for it", async () => {
    await host({ totalMb: 1, freeMb: 1 }).reserve({ imageBytes: MIB });
  });

  test("a refused one holds nothing", async () => {
    const admission = host({ totalMb: 1000 });
    const tooMuch = { machines: { count: 9, memoryMb: 512 } };
    for (let i = 0; i < 5; i++) await expect(admission.reserve(tooMuch)).rejects.toBeInstanceOf(Refusal);
    expect(await settle(Array.from({ length: 9 }, () => admission.reserve(one)))).toBe(3);
  });
});

test("settings are numbers in their ranges, and named when they are not", () => {
  expect(admissionSettings({})).toEqual({ reserveMb: 512, overcommit: 4 });
  expect(admissionSettings({ PANDASTACK_MEM_RESERVE_MB: "0", PANDASTACK_MEM_OVERCOMMIT: "1.5" })).toEqual({
    reserveMb: 0,
    overcommit: 1.5,
  });
  for (const text of ["much", "-1", "0", "65", "NaN"])
    expect(() => admissionSettings({ PANDASTACK_MEM_OVERCOMMIT: text })).toThrow(/PANDASTACK_MEM_OVERCOMMIT is/);
});

test("a disk that became full meanwhile is a refusal, whoever noticed it; other failures stay what they are", () => {
  const full = [
    Object.assign(new Error("ENOSPC: no space left on device, copyfile"), { code: "ENOSPC" }),
    new Error("could not copy the machine's memory: ENOSPC: no space left on device, write"),
    new Error("the VMM did not start", { cause: new Error("/vm/out/devices: No space left on device") }),
  ];
  for (const error of full)
    expect(asRefusalWhenFull(error)).toMatchObject({ code: "capacity.insufficient_storage", cause: error });
  const other = new Error("EIO: i/o error");
  expect(asRefusalWhenFull(other)).toBe(other);
  expect(asRefusalWhenFull("text")).toBe("text");
});
