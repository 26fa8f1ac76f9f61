import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { HostOperation } from "@pandastack/contracts/host";
import { Journal } from "../../src/journal/journal.ts";
import { Operations } from "../../src/sandboxes/operations.ts";

let dir: string;
let journal: Journal;
let operations: Operations;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "pandastack-operations-"));
  journal = new Journal(dir);
  operations = new Operations(journal, (changes, answer) => {
    journal.commit(
      changes,
      answer && { id: answer.operationId, commandHash: answer.commandHash, result: answer.result },
    );
  });
});
afterEach(() => {
  journal.close();
  rmSync(dir, { recursive: true, force: true });
});

const operation = (id: string, sandboxId = "a".repeat(20)): HostOperation => ({
  operationId: id,
  command: { name: "pauseSandbox", sandboxId },
});

test("a repeated operation answers the same and does nothing twice, also while the first is under way", async () => {
  let runs = 0;
  let finish!: () => void;
  const gate = new Promise<void>((resolve) => (finish = resolve));
  const work = async (_command: unknown, answering: (changes: [], result: unknown) => unknown) => {
    runs++;
    await gate;
    return answering([], { run: runs });
  };
  const both = [operations.run(operation("operation-1"), work), operations.run(operation("operation-1"), work)];
  finish();
  expect(await Promise.all(both)).toEqual([{ run: 1 }, { run: 1 }]);
  expect(await operations.run(operation("operation-1"), work)).toEqual({ run: 1 });
});

test("one that failed may be tried again; one id for two commands is refused; so is another epoch's", async () => {
  const failing = () => Promise.reject(new Error("no"));
  await expect(operations.run(operation("operation-2"), failing)).rejects.toThrow("no");
  expect(await operations.run(operation("operation-2"), async (_command, answering) => answering([], "yes"))).toBe(
    "yes",
  );
  await expect(operations.run(operation("operation-2", "b".repeat(20)), failing)).rejects.toMatchObject({
    code: "host.operation_conflict",
  });
  await expect(
    operations.run({ ...operation("operation-3"), epoch: "of another life" }, failing),
  ).rejects.toMatchObject({ code: "host.wrong_epoch" });
});
