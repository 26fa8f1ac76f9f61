import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test as property, fc } from "@fast-check/vitest";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Refusal } from "@pandastack/platform";
import { readTar, tarHeader } from "../../src/imports/tar/index.ts";
import { inPieces, resummed, tarOf } from "./make.ts";

async function read(bytes: Buffer, pieceBytes = 700) {
  const entries = [];
  for await (const { body, ...entry } of readTar(inPieces(bytes, pieceBytes))) {
    const chunks: Buffer[] = [];
    for await (const chunk of body) chunks.push(chunk);
    entries.push({ ...entry, text: Buffer.concat(chunks).toString("latin1") });
  }
  return entries;
}

describe("what GNU tar writes is read", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "tar-"));
    mkdirSync(join(folder, "in", "d".repeat(150)), { recursive: true });
    writeFileSync(join(folder, "in", "d".repeat(150), "ü"), "deep");
    writeFileSync(join(folder, "in", "big"), "");
    for (const at of [0, 20, 40, 60, 80, 100, 120])
      execFileSync(
        "dd",
        ["if=/dev/urandom", `of=${join(folder, "in", "big")}`, "bs=4096", "count=1", `seek=${at}`, "conv=notrunc"],
        { stdio: "ignore" },
      );
    truncateSync(join(folder, "in", "big"), 600_000);
    symlinkSync("t".repeat(120), join(folder, "in", "link"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const formats = ["gnu", "pax", "ustar-short", "gnu-sparse", "pax-sparse", "pax-sparse-0.1"];
  test.each(formats)("%s", async (format) => {
    const [name, isSparse, version] = format.split("-");
    const names = name === "ustar" ? ["big"] : ["big", "link", "d".repeat(150)];
    const argv = ["--create", `--format=${name}`, "--directory", join(folder, "in"), "--sort=name"];
    if (isSparse === "sparse") argv.push("--sparse", ...(version === undefined ? [] : [`--sparse-version=${version}`]));
    const entries = await read(execFileSync("tar", [...argv, "--", ...names], { maxBuffer: 2 ** 24 }));
    const big = execFileSync("cat", [join(folder, "in", "big")], { maxBuffer: 2 ** 24 }).toString("latin1");
    expect(entries[0]).toMatchObject({ path: "big", kind: "file", size: 600_000 });
    expect(entries[0]!.text === big).toBe(true);
    if (name === "ustar") return;
    expect(entries.slice(1)).toMatchObject([
      { path: "link", kind: "symlink", target: "t".repeat(120) },
      { path: `${"d".repeat(150)}/`, kind: "dir" },
      { path: `${"d".repeat(150)}/${Buffer.from("ü").toString("latin1")}`, text: "deep" },
    ]);
  });
});

describe("any entries", () => {
  const bytes = fc.string({
    unit: fc.integer({ min: 1, max: 255 }).map((code) => String.fromCharCode(code)),
    maxLength: 300,
  });
  const entry = fc.record({
    path: bytes.filter((text) => text !== "" && !text.endsWith("/")),
    text: bytes,
    uid: fc.nat(2 ** 31),
    gid: fc.nat(2 ** 31),
    mode: fc.nat(0o7777),
    mtime: fc.nat(2 ** 32),
  });
  property.prop([fc.array(entry, { maxLength: 8 }), fc.integer({ min: 1, max: 2_000 })])(
    "come back as they were written",
    async (entries, pieceBytes) => {
      expect(await read(tarOf(entries), pieceBytes)).toMatchObject(entries);
    },
  );
});

describe("bytes that are no archive", () => {
  const attempt = async (bytes: Buffer): Promise<void> => {
    await read(bytes).catch((error: unknown) => {
      if (!(error instanceof Refusal)) throw error;
    });
  };
  property.prop([fc.uint8Array({ maxLength: 4_000 })])("are refused", async (bytes) => {
    await attempt(Buffer.from(bytes));
  });
  const good = tarOf([
    { path: "x".repeat(200), text: "content" },
    { path: "link", kind: "symlink", target: "y".repeat(130) },
  ]);
  property.prop([
    fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }),
    fc.nat(good.length),
    fc.boolean(),
  ])("a damaged one ends in entries or a refusal", async (changes, length, mends) => {
    const bytes = Buffer.from(good);
    for (const [at, value] of changes) bytes[at] = value;
    if (mends)
      for (let at = 0; at + 512 <= bytes.length; at += 512)
        if (bytes.toString("latin1", at + 257, at + 262) === "ustar") resummed(bytes.subarray(at, at + 512));
    await attempt(bytes.subarray(0, length));
  });

  test.each([
    [
      "a file that is cut off",
      tarOf([{ path: "a", text: "x".repeat(2_000) }]).subarray(0, 1_500),
      /ends in the middle/,
    ],
    [
      "an extended header of a gigabyte",
      (() =>
        resummed(
          tarHeader({ path: "a", kind: "file", size: 2 ** 30, mode: 0, uid: 0, gid: 0, mtime: 0 }).fill("x", 156, 157),
        ))(),
      /extended header of more than 1 MiB/,
    ],
    ["another kind", resummed(tarOf([{ path: "a" }]).fill("V", 156, 157)), /unknown kind "V"/],
    ["something else", Buffer.alloc(2_000, "no archive "), /no tar archive/],
  ])("%s", async (_, bytes, error) => await expect(read(bytes)).rejects.toThrow(error));
});
