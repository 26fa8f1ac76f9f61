import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";
import { Journal } from "../../src/journal/journal.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "pandastack-journal-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

test("what was committed is there when it is opened again, under the same host id and epoch", () => {
  const first = new Journal(dir);
  first.commit([{ putSandbox: { id: "a", record: { id: "a", state: "running" } } }], {
    id: "operation-1",
    commandHash: "h",
    result: { ok: 1 },
  });
  const { hostId, epoch } = first;
  first.close();
  const second = new Journal(dir);
  expect(second.sandboxes()).toEqual([{ id: "a", state: "running" }]);
  expect(second.operation("operation-1")).toEqual({ commandHash: "h", result: { ok: 1 } });
  expect({ hostId: second.hostId, epoch: second.epoch }).toEqual({ hostId, epoch });
  second.close();
});

test.skipIf(process.getuid?.() !== 0)(
  "on a full disk it says so, and has lost nothing when there is room again",
  () => {
    const disk = mkdtempSync(join(tmpdir(), "pandastack-full-"));
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=512k", "tmpfs", disk]);
    onTestFinished(() => {
      execFileSync("umount", [disk]);
      rmSync(disk, { recursive: true });
    });
    const journal = new Journal(disk);
    const record = { id: "a", text: "x".repeat(10_000) };
    let kept = 0;
    const fill = () => {
      for (; ; kept++) journal.commit([{ putSandbox: { id: String(kept), record } }]);
    };
    const full = { code: "capacity.insufficient_storage", details: { limit: "journal" } };
    expect(fill).toThrow(expect.objectContaining(full));
    expect(kept).toBeGreaterThan(3);
    expect(journal.sandboxes()).toHaveLength(kept);
    execFileSync("mount", ["-o", "remount,size=2m", disk]);
    journal.commit([{ putSandbox: { id: "last", record } }]);
    journal.close();
    const again = new Journal(disk);
    expect(again.sandboxes()).toHaveLength(kept + 1);
    again.close();
  },
);

test("a commit that fails half-way leaves nothing of itself", () => {
  const journal = new Journal(dir);
  const circular: Record<string, unknown> = {};
  circular["self"] = circular;
  expect(() =>
    journal.commit([{ putSandbox: { id: "a", record: {} } }, { putSnapshot: { id: "s", record: circular } }]),
  ).toThrow(/circular/i);
  expect(journal.sandboxes()).toEqual([]);
  expect(journal.commit([{ putSandbox: { id: "b", record: { id: "b" } } }])).toEqual([]);
  expect(journal.sandboxes()).toEqual([{ id: "b" }]);
  journal.close();
});

test("events are numbered without gaps and can be asked for after a number", () => {
  const journal = new Journal(dir);
  const seqs = ["one", "two", "three"].flatMap((type) =>
    journal.commit([{ event: { sandboxId: null, type, payload: { type } } }]).map((event) => event.seq),
  );
  expect(seqs).toEqual([1, 2, 3]);
  expect(journal.events(1).map((event) => event.type)).toEqual(["two", "three"]);
  journal.close();
});
