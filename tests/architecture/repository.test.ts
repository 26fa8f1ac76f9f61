import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, test } from "vitest";
import { files, read, ROOT } from "./sources.ts";

const MAX_LINES = 350;
const TEXT =
  /\.(ts|mts|mjs|js|rs|json|md|yml|yaml|toml|sh|txt|nft|html|css)$|(^|\/)(\.npmrc|\.gitignore|Dockerfile|run)$/;

/** Built from parts: this file must not hold what it looks for. */
const registryHosts = [
  ["registry", "npmjs", "org"],
  ["registry", "yarnpkg", "com"],
  ["static", "crates", "io"],
  ["index", "crates", "io"],
  ["pypi", "org"],
  ["files", "pythonhosted", "org"],
  ["proxy", "golang", "org"],
  ["sum", "golang", "org"],
].map((parts) => parts.join("."));

const packageFiles = (): string[] =>
  files().filter((path) => basename(path) === "package.json" && !path.includes("/fixtures/"));

describe("files", () => {
  test(`none has more than ${MAX_LINES} lines`, () => {
    const long = files()
      .filter((path) => /\.(ts|mts|mjs|rs|py)$/.test(path))
      .map((path) => ({ path, lines: read(path).split("\n").length - 1 }))
      .filter(({ lines }) => lines > MAX_LINES);
    expect(
      long.map(({ path, lines }) => `${path}: ${lines}`),
      "near 300 lines a file becomes a folder",
    ).toEqual([]);
  });

  test("none is named after nothing in particular", () => {
    const vague = files().filter((path) =>
      /(^|\/)(utils?|helpers?|common|misc|manager)(\.[a-z]+|\/)|[-_.](utils?|helpers?|manager)\.[a-z]+$/i.test(path),
    );
    expect(vague, "a name says what is inside").toEqual([]);
  });

  test("none is a second version of another", () => {
    expect(files().filter((path) => /[a-z](2|-new|-old|\.bak|\.orig|\.tmp)\.(ts|rs|md)$/.test(path))).toEqual([]);
  });

  test("none names a package registry", () => {
    const named = files()
      .filter((path) => TEXT.test(path))
      .flatMap((path) => {
        const text = read(path);
        return registryHosts.filter((host) => text.includes(host)).map((host) => `${path}: ${host}`);
      });
    expect(named, "machines choose their registry in their own configuration").toEqual([]);
  });
});

describe("the repository", () => {
  test("says under which licence it is", () => {
    expect(existsSync(join(ROOT, "LICENSE")), "a LICENSE file").toBe(true);
    expect(read("LICENSE")).toContain("Apache License");
    for (const path of packageFiles()) expect(JSON.parse(read(path)).license, path).toBe("Apache-2.0");
  });

  test("tells in its README how to start and how to test it", () => {
    for (const command of ["npm start", "npm test"]) expect(read("README.md")).toContain(command);
  });

  test("pins every dependency to one version", () => {
    const loose = packageFiles().flatMap((path) => {
      const { dependencies, devDependencies, optionalDependencies } = JSON.parse(read(path)) as Record<
        string,
        Record<string, string> | undefined
      >;
      return Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies })
        .filter(([, version]) => !/^(npm:@?[a-z0-9-]+(\/[a-z0-9-]+)?@)?\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/.test(version))
        .map(([name, version]) => `${path}: ${name} ${version}`);
    });
    expect(loose).toEqual([]);
  });

  test("keeps addresses of packages out of its lock file", () => {
    expect(/"resolved": "https?:/.test(read("package-lock.json"))).toBe(false);
  });

  test("links only to documents that are there", () => {
    const broken = files()
      .filter((path) => path.endsWith(".md"))
      .flatMap((path) =>
        [...read(path).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)]
          .map((match) => match[1]!)
          .filter((target) => !existsSync(join(ROOT, path, "..", target)))
          .map((target) => `${path}: ${target}`),
      );
    expect(broken).toEqual([]);
  });
});
