import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { placePages, writeDirtyPages } from "../../src/runtimes/qemu/memory-pages.ts";

const PAGE = 4096;
const PAGES = 1024;

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "pandastack-pages-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** Maps the file privately, changes the given pages, reads others, says so, and waits: what a VMM does with a guest's memory. */
const MAPPER = `
import mmap, sys, json
path, changed, read = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
with open(path, "rb") as file:
    memory = mmap.mmap(file.fileno(), 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE)
for page in read: memory[page * 4096]
for page in changed: memory[page * 4096 + 7] = 0xEE
print("ready", flush=True)
sys.stdin.read()
`;

test("exactly the changed pages are written over a copy of the file", async () => {
  const memoryFile = join(dir, "memory");
  const target = join(dir, "target");
  const original = Buffer.alloc(PAGE * PAGES, 0x11);
  writeFileSync(memoryFile, original);
  copyFileSync(memoryFile, target);
  const changed = [0, 1, 2, 100, 300, 301, 1023];
  const mapper = spawn("python3", ["-c", MAPPER, memoryFile, JSON.stringify(changed), JSON.stringify([5, 6, 500])], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  try {
    await once(mapper.stdout, "data");
    expect(writeDirtyPages({ pid: mapper.pid!, memoryFile, target })).toEqual({
      bytes: changed.length * PAGE,
      runs: [
        [0, 3],
        [100, 1],
        [300, 2],
        [1023, 1],
      ],
    });
    for (const page of changed) original[page * PAGE + 7] = 0xee;
    expect(readFileSync(target).equals(original)).toBe(true);
  } finally {
    mapper.stdin.end();
    await once(mapper, "exit");
  }
});

test("pages that are placed are what the process reads, are no one else's, and count as changed", async () => {
  const memoryFile = join(dir, "memory");
  const source = join(dir, "source");
  const target = join(dir, "target");
  const original = Buffer.alloc(PAGE * PAGES, 0x11);
  const changed = Buffer.alloc(PAGE * PAGES, 0x22);
  writeFileSync(memoryFile, original);
  writeFileSync(source, changed);
  copyFileSync(memoryFile, target);
  const mapper = spawn("python3", ["-c", MAPPER, memoryFile, "[9]", "[5]"], { stdio: ["pipe", "pipe", "inherit"] });
  try {
    await once(mapper.stdout, "data");
    const runs = [
      [0, 1],
      [5, 600],
      [1023, 1],
    ] as const;
    placePages({ pid: mapper.pid!, memoryFile, source, runs });
    expect(readFileSync(memoryFile).equals(original)).toBe(true);
    expect(writeDirtyPages({ pid: mapper.pid!, memoryFile, target }).bytes).toBe(602 * PAGE);
    for (const [first, count] of runs) changed.copy(original, first * PAGE, first * PAGE, (first + count) * PAGE);
    expect(readFileSync(target).equals(original)).toBe(true);
    expect(() => placePages({ pid: mapper.pid!, memoryFile, source, runs: [[PAGES, 1]] })).toThrow("is not mapped");
  } finally {
    mapper.stdin.end();
    await once(mapper, "exit");
  }
});

test("a process that does not map the file is an error, not an empty image", () => {
  const memoryFile = join(dir, "memory");
  writeFileSync(memoryFile, Buffer.alloc(PAGE));
  copyFileSync(memoryFile, join(dir, "target"));
  expect(() => writeDirtyPages({ pid: process.pid, memoryFile, target: join(dir, "target") })).toThrow("does not map");
});
