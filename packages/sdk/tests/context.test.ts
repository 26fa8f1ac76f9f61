import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Template } from "../src/index.ts";
import { collectContext } from "../src/templates/context.ts";
import { layoutFile } from "../src/templates/layout.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pandastack-context-"));
  mkdirSync(join(folder, "src"));
  writeFileSync(join(folder, "src/run"), "x");
  chmodSync(join(folder, "src/run"), 0o755);
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("a build's context", () => {
  test("is every wanted file, with its mode, links followed", () => {
    writeFileSync(join(folder, "secret"), "y");
    symlinkSync("src", join(folder, "linked"));
    const files = collectContext(folder, (path) => path !== "secret");
    expect([...files].map(([path, { mode }]) => [path, mode & 0o111])).toEqual([
      ["linked/run", 0o111],
      ["src/run", 0o111],
    ]);
  });

  test.each([
    ["/etc", /leads out of the build context/],
    ["link", /leads to itself/],
    ["none", /leads nowhere/],
    [".", /leads back to a folder that it is in/],
  ])("a link to %s is refused by name", (target, why) => {
    symlinkSync(target, join(folder, "link"));
    expect(() => collectContext(folder)).toThrow(why);
    if (target !== ".") expect(collectContext(folder, (path) => path !== "link").size).toBe(1);
  });
});

test("a template's steps in the order they were said; each is a template of its own", () => {
  const base = Template.from("base").run(["one", "two"]);
  expect(base.copy("a", "/b", { mode: "755" }).env({ A: "1" }).start("go").ready("ask").recipe).toEqual({
    from: "base",
    steps: [
      { run: "one && two", timeout_seconds: undefined },
      { copy: { from: ["a"], to: "/b", mode: "755" } },
      { env: { A: "1" } },
    ],
    start: "go",
    ready: "ask",
  });
  expect(base.recipe.steps).toHaveLength(1);
});

describe("files of other templates", () => {
  test("are copied out of stages, of which each is there once", () => {
    const tools = Template.from("base").run("make tools");
    const built = Template.from("my-go").copyFrom(tools, "/tools", "/tools/").run("make");
    const { recipe } = Template.from("base")
      .copyFrom(built, "/out", "/srv/", { owner: "user" })
      .copyFrom(tools, ["/tools/a", "/tools/b"], "/bin/")
      .copyFrom("other", "/x", "/y");
    expect(recipe.stages).toEqual([
      { name: "stage-1", from: "base", steps: [{ run: "make tools" }] },
      {
        name: "stage-2",
        from: "my-go",
        steps: [{ copy: { from: ["/tools"], to: "/tools/", source: "stage-1" } }, { run: "make" }],
      },
    ]);
    expect(recipe.steps).toEqual([
      { copy: { from: ["/out"], to: "/srv/", owner: "user", source: "stage-2" } },
      { copy: { from: ["/tools/a", "/tools/b"], to: "/bin/", source: "stage-1" } },
      { copy: { from: ["/x"], to: "/y", source: "other" } },
    ]);
  });
});

describe("an image's layout", () => {
  test("in a folder is one archive", async () => {
    mkdirSync(join(folder, "blobs/sha256"), { recursive: true });
    writeFileSync(join(folder, "blobs/sha256", "a".repeat(64)), "y".repeat(1_000));
    writeFileSync(join(folder, "index.json"), "{}");
    const bytes = new Uint8Array(await (await layoutFile(folder)).arrayBuffer());
    const archive = join(folder, "layout.tar");
    writeFileSync(archive, bytes);
    const said = execFileSync("tar", ["--list", "--verbose", "--file", archive], { encoding: "utf8" });
    expect(
      said
        .trimEnd()
        .split("\n")
        .map((line) => line.replace(/^.* (\d+) \S+ \S+ (\S+)$/, "$1 $2"))
        .toSorted(),
    ).toEqual(["1 src/run", `1000 blobs/sha256/${"a".repeat(64)}`, "2 index.json"]);
    const extract = ["--extract", "--to-stdout", "--file", archive, "index.json"];
    expect(execFileSync("tar", extract, { encoding: "utf8" })).toBe("{}");
  });
  test("that is not there", async () => {
    await expect(layoutFile(join(folder, "none"))).rejects.toThrow(/no such file or folder/);
  });
});
