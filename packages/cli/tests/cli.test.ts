import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  AuthError,
  CapacityError,
  ConflictError,
  ConnectionError,
  NotFoundError,
  PandaStackError,
  TimeoutError,
} from "@pandastack/sdk";
import { fc, test } from "@fast-check/vitest";
import { describe, expect, it, onTestFinished } from "vitest";
import { baseName, checkDirection, parsePlace } from "../src/copy/place.ts";
import { filesNamedIn, placeFor, WORK_FOLDER } from "../src/copy/work-folder.ts";
import { exitCodeOf, UsageError } from "../src/failure.ts";
import { formatAge, formatSize, formatTable } from "../src/output.ts";
import { toShell } from "../src/shell-words.ts";

describe("command line", () => {
  it("quotes words, and leaves one alone", () => {
    expect(toShell(["ls -l | wc"])).toBe("ls -l | wc");
    expect(toShell(["echo", "a b", "it's", "x=1", "$HOME", ""])).toBe(`echo 'a b' 'it'\\''s' x=1 '$HOME' ''`);
  });

  it("tells places in a sandbox from places here", () => {
    const id = "a1".repeat(10);
    expect(parsePlace(`${id}:/etc/hosts`)).toEqual({ sandboxId: id, path: "/etc/hosts" });
    expect(parsePlace(`${id}:notes.txt`)).toEqual({ sandboxId: id, path: "/root/notes.txt" });
    for (const here of ["./a:b", "C:/x", "/tmp/f", `${id}`])
      expect(parsePlace(here)).toEqual({ sandboxId: undefined, path: here });
  });

  const sandboxId = fc.stringMatching(/^[a-z0-9]{20}$/);
  test.prop([sandboxId, fc.string({ unit: "grapheme" })])("any path in a sandbox is one, and absolute", (id, path) => {
    const place = parsePlace(`${id}:${path}`);
    expect(place).toEqual({ sandboxId: id, path: path.startsWith("/") ? path : `/root/${path}` });
    expect(() => checkDirection(place, place)).toThrow(UsageError);
    expect(() => checkDirection(place, parsePlace("./here"))).not.toThrow();
  });
  test.prop([fc.string({ unit: "grapheme" })])("any path that begins as one here does, is here", (path) => {
    for (const here of [`./${path}`, `/${path}`, `../${path}`])
      expect(parsePlace(here)).toEqual({ sandboxId: undefined, path: here });
    expect(baseName(`/folder/name-${path.replaceAll("/", "")}//`)).toBe(`name-${path.replaceAll("/", "")}`);
  });
  test.prop(
    [
      fc.array(
        fc.string({ unit: "grapheme-ascii" }).filter((word) => !word.includes("\0")),
        { minLength: 2, maxLength: 5 },
      ),
    ],
    {
      numRuns: 40,
    },
  )("any words reach a program through a shell as they are", (words) => {
    const print = ["printf", "%s\\0", ...words];
    const said = execFileSync("/bin/sh", ["-c", toShell(print)], { encoding: "utf8" });
    expect(said).toBe(words.map((word) => `${word}\0`).join(""));
  });

  it("finds the files that a command names, and none outside", () => {
    const folder = mkdtempSync(join(tmpdir(), "pandastack-work-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    mkdirSync(join(folder, "data"));
    for (const name of ["a.py", "data/b"]) writeFileSync(join(folder, name), "");
    const words = ["python3", "a.py", "./data/b", "a.py", "data", "../x", "/etc/hosts", "", "-v"];
    expect(filesNamedIn(words, folder)).toEqual(["a.py", "./data/b"]);
    expect(placeFor("./data/../data/b", folder)).toEqual({
      from: join(folder, "data/b"),
      to: `${WORK_FOLDER}/data/b`,
    });
    expect(() => placeFor("../x", folder)).toThrow(UsageError);
  });

  it("exits as it says that it does", () => {
    for (const [error, exitCode] of [
      [new UsageError("x"), 2],
      [new AuthError("x"), 3],
      [new NotFoundError("x"), 4],
      [new ConflictError("x"), 5],
      [new ConnectionError("x"), 6],
      [new TimeoutError("x"), 6],
      [new CapacityError("x", { retryable: true }), 7],
      [new CapacityError("x"), 1],
      [new PandaStackError("x"), 1],
      [new Error("x"), 1],
      [new DOMException("Aborted with Ctrl+C", "AbortError"), 130],
    ] as const)
      expect(exitCodeOf(error), error.name).toBe(exitCode);
  });

  it("draws tables and ages", () => {
    expect(formatTable(["ID", "STATUS"], [["abc", "running"]])).toBe("ID   STATUS\nabc  running");
    expect(formatTable(["ID"], [])).toBe("ID");
    expect([0, 999, 1000, 3_400_000, 5e15].map(formatSize)).toEqual(["0 B", "999 B", "1.0 kB", "3.4 MB", "5000.0 TB"]);
    const now = Date.parse("2026-01-02T00:00:00Z");
    expect(
      ["2026-01-01T23:59:58Z", "2026-01-01T23:00:00Z", "2026-01-01T00:00:00Z", undefined].map((at) =>
        formatAge(at, now),
      ),
    ).toEqual(["2s", "1h", "1d", "-"]);
  });
});
