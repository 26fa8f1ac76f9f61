import { execFileSync } from "node:child_process";
import { lstatSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import { flatten } from "../../src/imports/flatten.ts";
import { flattenApart } from "../../src/imports/flatten-apart.ts";
import { type Made, resummed, sha256, SHELL, tarOf } from "./make.ts";

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "flatten-"))));
afterEach(() => rmSync(folder, { recursive: true }));

const LIMIT = 10 * 1024 ** 3;
const stored = (layers: readonly Buffer[]) =>
  layers.map((bytes, number) => {
    const path = join(folder, `layer-${number}`);
    writeFileSync(path, bytes);
    return { path };
  });
const request = (layers: readonly Buffer[], more: { isImage?: boolean; needsShell?: boolean } = {}) => ({
  layers: stored(layers),
  isImage: true,
  needsShell: true,
  target: join(folder, "root.tar.zst"),
  limitBytes: LIMIT,
  ...more,
});

/** As the host unpacks it. */
function unpacked(): string {
  const tree = join(folder, "tree");
  mkdirSync(tree);
  execFileSync("tar", [
    "--extract",
    "--zstd",
    "--file",
    join(folder, "root.tar.zst"),
    "--directory",
    tree,
    "--numeric-owner",
  ]);
  return tree;
}

test("layers of every compression become one archive, with what a guest needs", async () => {
  const base: Made[] = [
    SHELL,
    { path: "srv/" },
    { path: "srv/old", text: "old" },
    { path: "srv/kept", text: "kept", mode: 0o640 },
    { path: "srv/again", kind: "link", target: "srv/kept" },
    { path: `srv/${"long".repeat(40)}`, text: "a long name" },
    { path: "usr/bin/", mode: 0o755 },
    { path: "etc/passwd", text: "www:x:33:33::/:/bin/sh\n" },
  ];
  const second: Made[] = [{ path: "srv/.wh.old" }, { path: "link", kind: "symlink", target: "../../srv/kept" }];
  const third: Made[] = [
    { path: "srv/kept", text: "changed" },
    { path: "dev/null", kind: "char", device: [1, 3] },
  ];
  const bytes = await flatten(request([gzipSync(tarOf(base)), zstdCompressSync(tarOf(second)), tarOf(third)]));
  expect(bytes).toBeGreaterThan(5_000);
  const tree = unpacked();
  const text = (path: string) => readFileSync(join(tree, path), "utf8");
  expect([text("srv/kept"), text("srv/again"), text(`srv/${"long".repeat(40)}`)]).toEqual([
    "changed",
    "kept",
    "a long name",
  ]);
  expect(() => text("srv/old")).toThrow("ENOENT");
  expect(readlinkSync(join(tree, "link"))).toBe("../../srv/kept");
  expect(text("etc/passwd")).toBe("root:x:0:0:root:/root:/bin/sh\nwww:x:33:33::/:/bin/sh\n");
  expect(text("etc/group")).toBe("root:x:0:\n");
  for (const path of ["proc", "sys", "dev", "run", "mnt", "root"])
    expect(lstatSync(join(tree, path)).isDirectory(), path).toBe(true);
  expect(lstatSync(join(tree, "tmp")).mode & 0o7777).toBe(0o1777);
});

test("whatever an archive leads to, nothing is written through it", async () => {
  const outside = join(folder, "outside");
  mkdirSync(outside);
  const evil: Made[] = [SHELL, { path: "out", kind: "symlink", target: outside }];
  await flatten(request([tarOf(evil), tarOf([{ path: "safe" }])]));
  unpacked();
  await expect(flatten(request([tarOf([...evil, { path: "out/x", text: "!" }])]))).rejects.toThrow(
    /behind a link that leads nowhere/,
  );
  expect(() => readFileSync(join(outside, "x"))).toThrow("ENOENT");
});

const huge = (() => {
  const archive = tarOf([{ path: "huge", text: "x" }]);
  archive.write("\u0080\0\0\0\0\0\0\u0003\0\0\0\0", 124, "latin1");
  return resummed(archive);
})();

test.each<[string, Buffer[], RegExp, { isImage?: boolean }?]>([
  ["a layer of 12 GiB", [tarOf([SHELL]), huge], /files are more than 10 GiB \(at "huge"\)/],
  ["no shell", [tarOf([{ path: "app", mode: 0o755 }])], /there is no \/bin\/sh in it/],
  ["a shell in a circle", [tarOf([{ path: "bin/sh", kind: "symlink", target: "sh" }])], /lead round in a circle/],
  ["a shell that cannot be run", [tarOf([{ path: "bin/sh", text: "x" }])], /\/bin\/sh is no program/],
  ["a folder that is none", [tarOf([SHELL, { path: "etc", text: "x" }])], /\/etc is no folder/],
  [
    "a compression that is cut off",
    [gzipSync(tarOf([SHELL])).subarray(0, 60)],
    /compression is damaged|ends in the middle/,
  ],
  ["xz", [Buffer.from("fd377a585a0000", "hex")], /compressed with xz/],
  ["something else", [Buffer.from("hello")], /ends in the middle/],
  ["nothing", [Buffer.alloc(0)], /there is nothing in the archive/, { isImage: false }],
])("%s is refused, and says why", async (_, layers, error, more) => {
  await expect(flatten(request(layers, more))).rejects.toThrow(error);
});

test("a bomb of zeros ends at the limit", async () => {
  const bomb = zstdCompressSync(tarOf([{ path: "zeros", text: "\0".repeat(3_000_000) }]));
  await expect(flatten({ ...request([bomb]), limitBytes: 1_000_000 })).rejects.toThrow(/files are more than/);
});

test("what a layer's bytes come to is what the configuration says", async () => {
  const layer = tarOf([SHELL]);
  const [{ path }] = stored([gzipSync(layer)]) as [{ path: string }];
  const given = { ...request([]), layers: [{ path, diffId: sha256(layer) }] };
  expect(await flattenApart(given)).toBeGreaterThan(1_000);
  await expect(flattenApart({ ...given, layers: [{ path, diffId: sha256("other") }] })).rejects.toMatchObject({
    code: "template.bad_image",
    message: expect.stringContaining(`layer 1 has the digest ${sha256(layer)}`),
  });
});
