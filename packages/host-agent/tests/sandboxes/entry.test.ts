import { Refusal } from "@pandastack/platform";
import { expect, test } from "vitest";
import type { Machine } from "../../src/runtimes/runtime.ts";
import { SandboxEntry } from "../../src/sandboxes/entry.ts";
import type { SandboxRecord } from "../../src/sandboxes/record.ts";

const entryWith = (connect: Machine["connect"]): SandboxEntry =>
  new SandboxEntry({ id: "one", state: "running" } as SandboxRecord, { machine: { connect } as Machine });

test("a machine that has died between two looks is something to be tried again, not an error of ours", async () => {
  const entry = entryWith(() => Promise.reject(new Error("connect ECONNREFUSED")));
  await expect(entry.guest()).rejects.toMatchObject({ code: "sandbox.guest_unreachable", name: "Fault" });
});

test("what a machine refuses is told as it is", async () => {
  const entry = entryWith(() => Promise.reject(new Refusal("sandbox.invalid_state", "it sleeps")));
  await expect(entry.guest()).rejects.toMatchObject({ code: "sandbox.invalid_state" });
});
