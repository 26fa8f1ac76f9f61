import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { keepChanges, mappedFor, noteChanges, readChanges } from "../../src/runtimes/qemu/changes.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "pandastack-changes-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function folder(name: string, memory?: string): string {
  const path = join(dir, name);
  mkdirSync(path);
  if (memory !== undefined) writeFileSync(join(path, "memory"), memory);
  return path;
}

test("an image that little differs from a template takes a VMM that has the template mapped", async () => {
  const template = folder("template", "template");
  const [first, second] = [folder("first", "first"), folder("second", "second")];
  await noteChanges(first, template, [[3, 2]]);
  expect(mappedFor(first)).toBe(mappedFor(template));
  // Its machine has mapped the first image: what is noted is still what differs from the template.
  const machine = folder("machine", "first");
  keepChanges(first, machine);
  await noteChanges(second, machine, [
    [0, 1],
    [4, 4],
    [20, 1],
  ]);
  expect(mappedFor(second)).toBe(mappedFor(template));
  expect(readChanges(second)?.runs).toEqual([
    [0, 1],
    [3, 5],
    [20, 1],
  ]);
});

test("any other image takes a VMM of its own", async () => {
  const [one, other] = [folder("one", "same"), folder("other", "same")];
  expect(mappedFor(one)).not.toBe(mappedFor(other));
  await noteChanges(other, one, [[0, 100_000]]);
  expect(readChanges(other)).toBeUndefined();
  expect(mappedFor(folder("not written yet"))).toContain("not written yet");
  keepChanges(one, other);
  expect(readChanges(other)).toBeUndefined();
});
