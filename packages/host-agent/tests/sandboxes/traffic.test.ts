import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { SandboxEntry } from "../../src/sandboxes/entry.ts";
import { Traffic } from "../../src/sandboxes/traffic.ts";

function watched() {
  const world = { packets: 5n as bigint | undefined, machineId: "m1" as string | null, isOpen: false };
  const entry = {
    get record() {
      return {
        id: "a",
        machine: world.machineId === null ? null : { machineId: world.machineId, slot: { number: 3 } },
      };
    },
    get isOpen() {
      return world.isOpen;
    },
  } as SandboxEntry;
  const traffic = new Traffic({
    entries: new Map([["a", entry]]),
    slots: { carried: () => new Map(world.packets === undefined ? [] : [[3, world.packets]]) },
  });
  const quietMs = () => traffic.use(entry).quietMs;
  return { world, entry, traffic, quietMs };
}

describe("the silence of a network", () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ["performance"] }));
  afterEach(() => void vi.useRealTimers());

  it("begins when it is first looked at, and grows", () => {
    const { traffic, quietMs } = watched();
    traffic.look();
    vi.advanceTimersByTime(30);
    expect(quietMs()).toBe(30);
  });

  it("ends with a packet, seen in between or when asked, and with a new machine", () => {
    const { world, traffic, quietMs } = watched();
    traffic.look();
    for (const change of [
      () => (world.packets = 6n),
      () => (world.machineId = "m2"),
      () => {
        world.packets = 7n;
        traffic.look();
      },
    ]) {
      vi.advanceTimersByTime(30);
      change();
      expect(quietMs()).toBe(0);
    }
  });

  it("is unknown without a machine or a network; what is open is told", () => {
    const { world, entry, traffic } = watched();
    world.isOpen = true;
    expect(traffic.use(entry)).toEqual({ isOpen: true, quietMs: 0 });
    world.packets = undefined;
    expect(traffic.use(entry)).toEqual({ isOpen: true, quietMs: null });
    world.packets = 1n;
    world.machineId = null;
    world.isOpen = false;
    expect(traffic.use(entry)).toEqual({ isOpen: false, quietMs: null });
  });
});
