import type { HostNetworkFigures } from "@pandastack/contracts/host";
import { describe, expect, it } from "vitest";
import type { Change } from "../../src/journal/journal.ts";
import { PlainSlots } from "../../src/sandboxes/plain-slots.ts";
import { RefusalWatch } from "../../src/sandboxes/refusal-watch.ts";

type Refused = HostNetworkFigures["refused"][number];

/** A slot in which the test decides what was refused. */
class KnockingSlots extends PlainSlots {
  refused: Refused[] = [];
  tell: (slotNumber: number) => void = () => undefined;
  asked = 0;

  override figures(): Promise<never> {
    this.asked++;
    const counters = { sentPackets: 0, sentBytes: 0, receivedPackets: 0, receivedBytes: 0, refusedPackets: 0 };
    return Promise.resolve({ counters, refused: this.refused } as never);
  }
  override onRefused(listener?: (slotNumber: number) => void): void {
    if (listener) this.tell = listener;
  }
}

const refusal = (destination: string): Refused => ({
  destination,
  protocol: "tcp",
  port: 443,
  reason: "name",
  count: 1,
  lastAt: "2026-01-02T03:04:05.000Z",
});

function watched() {
  const slots = new KnockingSlots();
  const changes: Change[] = [];
  // Of a process that is not there: what the kernel has refused does not change.
  const record = { id: "a", machine: { machineId: "m1", pid: 2 ** 22 + 1, slot: { number: 3 } } };
  const entries = new Map([["a", { record }]]);
  const commit = (given: readonly Change[]): void => void changes.push(...given);
  const watch = new RefusalWatch({ slots, entries, commit, log: console } as never);
  return { slots, changes, watch, record };
}

describe("what is refused", () => {
  it("is told once for each destination", async () => {
    const { slots, changes, watch } = watched();
    await watch.look();
    expect(slots.asked).toBe(0);
    slots.refused = [refusal("a.example")];
    slots.tell(3);
    await watch.look();
    slots.tell(3);
    await watch.look();
    slots.refused = [refusal("b.example"), refusal("a.example")];
    slots.tell(3);
    await watch.look();
    expect(changes.map(({ event }) => event)).toEqual([
      { sandboxId: "a", type: "network.refused", payload: { refused: [refusal("a.example")], more: 0 } },
      { sandboxId: "a", type: "network.refused", payload: { refused: [refusal("b.example")], more: 0 } },
    ]);
  });

  it("fills no journal", async () => {
    const { slots, changes, watch } = watched();
    for (let round = 0; round < 100; round++) {
      slots.refused = Array.from({ length: 200 }, (_, index) => refusal(`${round}-${index}.example`));
      slots.tell(3);
      await watch.look();
    }
    expect(changes.length).toBeLessThanOrEqual(20);
    for (const { event } of changes) expect((event!.payload["refused"] as Refused[]).length).toBeLessThanOrEqual(10);
    expect(changes[0]!.event!.payload["more"]).toBe(190);
  });
});
