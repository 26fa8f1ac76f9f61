import { test as property, fc } from "@fast-check/vitest";
import { describe, expect, test } from "vitest";
import { Refusal } from "@pandastack/platform";
import { readTar } from "../../src/imports/tar/index.ts";
import { ImageTree } from "../../src/imports/tree.ts";
import { inPieces, type Made, tarOf } from "./make.ts";

async function treeOf(layers: readonly (readonly Made[])[], isImage = true): Promise<ImageTree> {
  const tree = new ImageTree();
  for (const [number, layer] of layers.entries()) {
    let index = 0;
    for await (const entry of readTar(inPieces(tarOf(layer)))) tree.add(entry, number, index++, isImage);
  }
  return tree;
}
const listed = async (...layers: readonly (readonly Made[])[]): Promise<string[]> =>
  [...(await treeOf(layers)).places()]
    .filter(({ path }) => path !== ".")
    .map(({ path, inode }) => `${path.slice(2)}${inode.kind === "dir" ? "/" : ""}`)
    .toSorted();

describe("layers", () => {
  test("take away and put in place of", async () => {
    const base = [{ path: "a/" }, { path: "a/one" }, { path: "a/two" }, { path: "b" }, { path: "c/d/e" }];
    expect(await listed(base, [{ path: "a/.wh.one" }, { path: ".wh.b" }, { path: ".wh.none" }])).toEqual([
      "a/",
      "a/two",
      "c/",
      "c/d/",
      "c/d/e",
    ]);
    expect(
      await listed(base, [{ path: "a", text: "a file now" }, { path: "b/" }, { path: "b/new" }, { path: ".wh.c" }]),
    ).toEqual(["a", "b/", "b/new"]);
  });
  test("an opaque folder keeps what its own layer brings, wherever in the layer it says so", async () => {
    const base = [{ path: "a/old/deep" }, { path: "a/both/old" }];
    const above = [{ path: "a/" }, { path: "a/both/new" }, { path: "a/new" }];
    const kept = ["a/", "a/both/", "a/both/new", "a/new"];
    expect(await listed(base, [...above, { path: "a/.wh..wh..opq" }])).toEqual(kept);
    expect(await listed(base, [{ path: "a/.wh..wh..opq" }, ...above])).toEqual(kept);
    expect(await listed(base, [{ path: ".wh.a" }, ...above])).toEqual(kept);
    expect(await listed(base, [...above, { path: ".wh.a" }])).toEqual(kept);
  });
  test("a hard link keeps what it led to when that is replaced", async () => {
    const tree = await treeOf([
      [
        { path: "a", text: "old" },
        { path: "b", kind: "link", target: "a" },
      ],
      [{ path: "a", text: "newer" }],
    ]);
    expect([tree.find("a"), tree.find("b")]).toMatchObject([
      { size: 5, layer: 1 },
      { size: 3, layer: 0, index: 0 },
    ]);
  });
  test("what lies behind a link of a lower one lies where that leads, and never outside", async () => {
    const base = [
      { path: "usr/bin/" },
      { path: "bin", kind: "symlink" as const, target: "usr/bin" },
      { path: "up", kind: "symlink" as const, target: "/../../usr" },
    ];
    expect(await listed(base, [{ path: "bin/x" }, { path: "up/y" }])).toEqual([
      "bin",
      "up",
      "usr/",
      "usr/bin/",
      "usr/bin/x",
      "usr/y",
    ]);
    expect(await listed(base, [{ path: "bin/" }, { path: "bin/x" }])).toEqual([
      "bin/",
      "bin/x",
      "up",
      "usr/",
      "usr/bin/",
    ]);
  });
  test("`.wh.` means nothing in an archive that is no layer", async () => {
    expect((await treeOf([[{ path: "a" }, { path: ".wh.a" }]], false)).find(".wh.a")).toBeDefined();
  });
  test.each<[string, Made[], RegExp]>([
    ["a way out", [{ path: "a/../../etc/passwd" }], /"a\/\.\.\/\.\.\/etc\/passwd" leads out of its archive/],
    ["a device", [{ path: "disk", kind: "block", device: [8, 0] }], /"disk" is a device \(block 8:0\)/],
    ["the host's memory", [{ path: "mem", kind: "char", device: [1, 1] }], /"mem" is a device \(char 1:1\)/],
    [
      "a link in a circle",
      [{ path: "a", kind: "symlink", target: "b" }, { path: "b", kind: "symlink", target: "a" }, { path: "a/c" }],
      /links lead round in a circle/,
    ],
    ["a hard link to nothing", [{ path: "a", kind: "link", target: "b" }], /hard link to "b", which is not there/],
    ["a hard link to a folder", [{ path: "b/" }, { path: "a", kind: "link", target: "b" }], /which is a folder/],
    ["a file as a folder", [{ path: "a" }, { path: "a/b" }], /"a\/b" lies in "a", which is no folder/],
    ["a name that is too long", [{ path: "n".repeat(256) }], /longer than a name/],
    ["a whiteout of the folder above", [{ path: "a/.wh..." }, { path: "a/.wh.." }], /takes away nothing/],
  ])("%s is refused", async (_, layer, error) => await expect(treeOf([layer])).rejects.toThrow(error));
  test("usual devices are left out", async () => {
    expect(
      await listed([
        { path: "dev/null", kind: "char", device: [1, 3] },
        { path: "dev/console", kind: "char", device: [5, 1] },
      ]),
    ).toEqual([]);
  });

  const name = fc.constantFrom("a", "b", "c", ".wh.a", ".wh.b", ".wh..wh..opq", "..", ".");
  const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join("/"));
  const entry = fc.record({
    path,
    kind: fc.constantFrom("file", "dir", "symlink", "link"),
    target: path.map((one) => `/${one}`),
  });
  property.prop([fc.array(fc.array(entry, { maxLength: 12 }), { maxLength: 4 })])(
    "any end in a tree within itself, or a refusal",
    async (layers) => {
      try {
        const places = [...(await treeOf(layers)).places()];
        for (const { path: found } of places.slice(1)) expect(found).toMatch(/^\.(\/[abc])+$/);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
      }
    },
  );
});
