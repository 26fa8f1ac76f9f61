import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { type CpioEntry, writeCpio } from "../src/artifacts/cpio.ts";
import { findProgram } from "../src/host/programs.ts";
import { temporaryFolder } from "./folder.ts";

const entries: CpioEntry[] = [
  { kind: "folder", path: "dev", mode: 0o755 },
  { kind: "device", path: "dev/console", mode: 0o600, major: 5, minor: 1 },
  { kind: "folder", path: "empty", mode: 0o700 },
  { kind: "file", path: "init", mode: 0o755, content: Buffer.from("#!/bin/true\n") },
  { kind: "file", path: "odd", mode: 0o644, content: Buffer.alloc(4099, 7) },
];

it("is the same for the same input, and ends on a block", () => {
  const archive = writeCpio(entries);
  expect(archive.equals(writeCpio(entries))).toBe(true);
  expect(archive.length % 512).toBe(0);
});

it.skipIf(findProgram("cpio") === undefined)("is read by cpio as it was written (needs cpio)", () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "out"));
  writeFileSync(join(folder, "archive"), writeCpio(entries));
  const input = readFileSync(join(folder, "archive"));
  const listing = execFileSync("cpio", ["--list", "--verbose", "--numeric-uid-gid", "--quiet"], {
    input,
    encoding: "utf8",
  });
  expect(listing).toMatch(/^crw-------\s+1 0\s+0\s+5,\s*1 .* dev\/console$/m);
  execFileSync("cpio", ["--extract", "--quiet", "init", "odd", "empty"], { input, cwd: join(folder, "out") });
  expect(readFileSync(join(folder, "out/odd")).equals(Buffer.alloc(4099, 7))).toBe(true);
  expect(statSync(join(folder, "out/init")).mode & 0o777).toBe(0o755);
});
