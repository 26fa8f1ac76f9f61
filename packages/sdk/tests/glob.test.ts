import { expect, it } from "vitest";
import { globToRegExp, nameOf } from "../src/search/glob.ts";

const fits = (glob: string, path: string) => globToRegExp(glob).test(path);

it.each([
  ["*.ts", ["a.ts", "deep/er/a.ts"], ["a.tsx", "ts"]],
  ["src/*.ts", ["src/a.ts"], ["src/deep/a.ts", "a.ts"]],
  ["src/**/*.ts", ["src/a.ts", "src/deep/er/a.ts"], ["lib/a.ts"]],
  ["**/test/**", ["test/a", "x/test/y/z"], ["tests/a"]],
  ["*.{ts,tsx}", ["a.ts", "x/a.tsx"], ["a.js"]],
  ["a?c.[!x]", ["abc.y"], ["abc.x", "ac.y"]],
  ["/abs.(x)+", ["abs.(x)+"], ["absx"]],
])("%s", (glob, yes, no) => {
  expect(yes.filter((path) => !fits(glob, path))).toEqual([]);
  expect(no.filter((path) => fits(glob, path))).toEqual([]);
});

it("knows what find can tell apart by the name", () => {
  expect(["*.ts", "src/**/a?.py", "*.{a,b}", "x/**"].map(nameOf)).toEqual(["*.ts", "a?.py", "*", "*"]);
});
