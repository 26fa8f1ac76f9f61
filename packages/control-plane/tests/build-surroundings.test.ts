import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { BuildSurroundings, mirrorEnv, mirrorFiles } from "../src/builds/surroundings.ts";
import { hideIn, readSecrets } from "../src/builds/secrets.ts";
import { NO_MIRRORS, readMirrors, type BuildMirrors } from "../src/templates/mirrors.ts";

const MIRROR = "http://mirror.internal:3142/debian";
const SOURCES =
  "deb http://deb.debian.org/debian trixie main\ndeb https://deb.debian.org/debian-security trixie-security main\n";

/** The scripts that guests run, by a real shell, on a folder that stands for the guest's root. */
let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "pandastack-surroundings-"));
  for (const folder of ["etc/apt/sources.list.d", "var/lib/apt/lists", "run", "etc/ssl/certs"])
    mkdirSync(join(root, folder), { recursive: true });
  writeFileSync(join(root, "etc/apt/sources.list"), SOURCES);
  utimesSync(join(root, "etc/apt/sources.list"), 1000, 1000);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const inRoot = (text: string): string => text.replaceAll(/(?<=[\s"'=]|^)\/(etc|var|run|\.cargo)/gm, `${root}/$1`);

const guest = {
  fs: async (operation: { op: string; path: string }) => {
    if (operation.op === "mkdir") mkdirSync(join(root, operation.path), { recursive: true });
    if (operation.op === "remove") rmSync(join(root, operation.path), { recursive: true, force: true });
  },
  writeFile: async ({ path }: { path: string }, bytes: AsyncIterable<Uint8Array>) => {
    for await (const chunk of bytes) writeFileSync(join(root, path), chunk);
  },
  async *exec({ argv }: { argv: string[] }) {
    const [program = "", ...rest] = argv;
    execFileSync(
      program,
      rest.map((word, index) => (index === 3 && word.startsWith("http") ? word : inRoot(word))),
    );
    yield { kind: "result", result: { exit_code: 0 } };
  },
} as unknown as Parameters<BuildSurroundings["leave"]>[0];

const { signal } = new AbortController();
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const around = async (mirrors: Partial<BuildMirrors>, step: () => void): Promise<void> => {
  const surroundings = new BuildSurroundings({ ...NO_MIRRORS, ...mirrors });
  await surroundings.enter(guest, signal);
  step();
  await surroundings.leave(guest);
  await surroundings.forget(guest, signal);
};

describe("a mirror of Debian's packages", () => {
  test("is in apt's sources while a step runs, and they are byte for byte as before after it", async () => {
    let during = "";
    await around({ apt: MIRROR }, () => {
      during = read("etc/apt/sources.list");
      writeFileSync(join(root, "var/lib/apt/lists/mirror.internal:3142_debian_dists_trixie_InRelease"), "x");
    });
    expect(during).toBe(SOURCES.replaceAll(/https?:\/\/deb\.debian\.org\/debian/g, MIRROR));
    expect(read("etc/apt/sources.list")).toBe(SOURCES);
    expect(statSync(join(root, "etc/apt/sources.list")).mtimeMs).toBe(1_000_000);
    expect(execFileSync("find", [root, "-name", "*mirror*"], { encoding: "utf8" })).toBe("");
  });

  test("is not in sources that a step has written", async () => {
    await around({ apt: MIRROR }, () => {
      writeFileSync(
        join(root, "etc/apt/sources.list"),
        `${read("etc/apt/sources.list")}deb https://other.example/ x main\n`,
      );
      writeFileSync(join(root, "etc/apt/sources.list.d/new.list"), "deb https://third.example/ y main\n");
    });
    expect(read("etc/apt/sources.list")).toContain("deb https://other.example/ x main");
    expect(read("etc/apt/sources.list")).not.toContain("mirror.internal");
    expect(read("etc/apt/sources.list")).toContain("deb http://deb.debian.org/debian trixie main");
    expect(read("etc/apt/sources.list.d/new.list")).toBe("deb https://third.example/ y main\n");
  });
});

test("certificates and cargo's registry are files that go after the step", async () => {
  const ca = "-----BEGIN CERTIFICATE-----\nours\n-----END CERTIFICATE-----\n";
  writeFileSync(join(root, "etc/ssl/certs/ca-certificates.crt"), "the system's\n");
  let bundle = "";
  let cargo = "";
  await around({ ca, cargo: "sparse+https://crates.internal/" }, () => {
    bundle = read("run/pandastack-build/ca-bundle.pem");
    cargo = read("run/pandastack-build/cargo/config.toml");
  });
  expect(bundle).toBe(`the system's\n${ca}`);
  expect(cargo).toContain('registry = "sparse+https://crates.internal/"');
  expect(execFileSync("find", [root, "-path", "*pandastack-build*"], { encoding: "utf8" })).toBe("");
});

test("each tool is told by its own variable, and nothing where nothing is set", () => {
  expect(mirrorEnv(NO_MIRRORS)).toEqual({});
  expect(mirrorFiles(NO_MIRRORS)).toEqual([]);
  expect(
    mirrorEnv({ ...NO_MIRRORS, npm: "https://npm.internal/", pip: "http://pypi.internal:8081/simple", go: "off" }),
  ).toMatchObject({
    npm_config_registry: "https://npm.internal/",
    PIP_INDEX_URL: "http://pypi.internal:8081/simple",
    PIP_TRUSTED_HOST: "pypi.internal:8081",
    GOPROXY: "off",
  });
});

test("settings that are no addresses are said, each with its name", () => {
  const wrong: Record<string, string> = {
    PANDASTACK_BUILD_NPM_REGISTRY: "ftp://x",
    PANDASTACK_BUILD_APT_MIRROR: "http://x/debian; rm -rf /",
    PANDASTACK_BUILD_PIP_INDEX: "sparse+https://x/",
    PANDASTACK_BUILD_CA: "/nowhere/ca.pem",
  };
  const problems: string[] = [];
  readMirrors((name) => wrong[name], problems);
  for (const name of Object.keys(wrong)) expect(problems.join("\n")).toContain(name);
  expect(readMirrors(() => undefined, problems)).toEqual(NO_MIRRORS);
});

describe("secrets", () => {
  test("are blacked out, whole and line by line, and what is short is left", () => {
    const hide = hideIn(
      new Map([
        ["key", Buffer.from("first line of it\nsecond line\n")],
        ["pin", Buffer.from("1234")],
      ]),
    );
    expect(hide("a first line of it b, second line, 1234")).toBe("a ******** b, ********, 1234");
  });

  test.each([["nonsense"], ['{"a b":"eA=="}'], ['{"id":"not base64"}'], [JSON.stringify({ id: "x".repeat(100_000) })]])(
    "what is none is refused without being quoted",
    (field) => {
      expect(() => readSecrets(field)).toThrow(/^secrets/);
      const said = (() => {
        try {
          readSecrets(field);
          return "";
        } catch (error) {
          return String(error);
        }
      })();
      expect(said).not.toContain("not base64");
    },
  );
});
