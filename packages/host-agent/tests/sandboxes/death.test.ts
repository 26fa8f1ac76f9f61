import { OPEN_NETWORK } from "@pandastack/contracts/host";
import { newSandboxId } from "@pandastack/platform";
import { describe, expect, it } from "vitest";
import {
  afterDeath,
  DEATHS_LIMIT,
  GOOD_LIFE_MS,
  HOST_RESTARTED,
  pauseBeforeRestartMs,
} from "../../src/sandboxes/death.ts";
import type { SandboxRecord } from "../../src/sandboxes/record.ts";

const record = (more: Partial<SandboxRecord>): SandboxRecord => ({
  id: newSandboxId(),
  state: "running",
  runtime: "fake",
  isolation: "fake",
  template: "base",
  templateKey: "key",
  fromSnapshot: null,
  mac: "02:00:00:00:00:01",
  cpus: 1,
  memoryMb: 512,
  diskMb: 2048,
  persistent: true,
  network: OPEN_NETWORK,
  env: {},
  bootMode: "snapshot",
  bootMs: 1,
  reason: null,
  createdAt: new Date(0).toISOString(),
  machine: null,
  ...more,
});

describe("what becomes of a sandbox whose machine is gone", () => {
  it("fails where it is not persistent, whoever ended the machine", () => {
    for (const by of ["itself", "agent", "host"] as const) {
      const { record: after, change } = afterDeath(record({ persistent: false }), { reason: "why", by }, true);
      expect(after).toMatchObject({ state: "failed", reason: "why", machine: null });
      expect(after.restartDue).toBeUndefined();
      expect(change.event).toMatchObject({ type: "vm.died", payload: { reason: "why", restart: false } });
    }
  });

  it("fails where it has no disk to start from", () => {
    const { record: after } = afterDeath(record({}), { reason: "why", by: "itself" }, false);
    expect(after).toMatchObject({ state: "failed", reason: "why" });
    expect(after).not.toHaveProperty("restartDue");
  });

  it("is started again by itself only where the machine died by itself", () => {
    const due = (by: "itself" | "agent" | "host") => {
      const { record: after, change } = afterDeath(record({}), { reason: HOST_RESTARTED, by }, true);
      expect(after).toMatchObject({ state: "hibernated", reason: HOST_RESTARTED });
      return [after.restartDue === true, change.event?.type];
    };
    expect(due("itself")).toEqual([true, "vm.died"]);
    expect(due("agent")).toEqual([false, "vm.died"]);
    expect(due("host")).toEqual([false, "recover.hibernated"]);
  });

  it("is started ever later, and after so many short lives in a row not any more; a good life begins anew", () => {
    let current = record({});
    const pauses: number[] = [];
    for (let death = 1; death < DEATHS_LIMIT; death++) {
      current = afterDeath(current, { reason: "why", by: "itself", livedMs: GOOD_LIFE_MS - 1 }, true).record;
      expect(current).toMatchObject({ state: "hibernated", deaths: death, restartDue: true });
      pauses.push(pauseBeforeRestartMs(death));
    }
    expect(pauses).toEqual([0, 1000, 2000, 4000]);
    const { record: last, change } = afterDeath(current, { reason: "why", by: "itself", livedMs: 0 }, true);
    expect(last.state).toBe("failed");
    expect(last.reason).toContain("why, as the 4 before it");
    expect(last).not.toHaveProperty("restartDue");
    expect(change.event?.payload).toMatchObject({ restart: false });
    const again = afterDeath(current, { reason: "why", by: "itself", livedMs: GOOD_LIFE_MS }, true);
    expect(again.record).toMatchObject({ state: "hibernated", deaths: 1 });
  });
});
