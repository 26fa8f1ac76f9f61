import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Template } from "../src/index.ts";
import { collectContext } from "../src/templates/context.ts";

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
