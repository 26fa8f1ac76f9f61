import { execFile, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { buildScripts } from "../../sdk/pack/build.ts";
import { buildMcp } from "../../mcp/pack/build.ts";
import { buildCli } from "../pack/build.ts";
import { startContractServer } from "./support/contract-server.ts";

const REPOSITORY = join(import.meta.dirname, "../../..");
const run = promisify(execFile);
const project = mkdtempSync(join(tmpdir(), "pandastack-packed-"));
const packed = (name: string) => join(project, "node_modules/@pandastack", name);

/** A project that has installed what is published, with what that depends on. */
beforeAll(() => {
  for (const [name, build] of [
    ["sdk", buildScripts],
    ["mcp", buildMcp],
    ["cli", buildCli],
  ] as const) {
    mkdirSync(packed(name), { recursive: true });
    build(packed(name));
  }
  for (const name of ["ws", "commander", "@balena", "zod", "@modelcontextprotocol", "ignore"])
    if (readdirSync(join(REPOSITORY, "node_modules")).includes(name))
      symlinkSync(join(REPOSITORY, "node_modules", name), join(project, "node_modules", name));
  writeFileSync(join(project, "package.json"), '{"type":"module"}');
});
afterAll(() => rmSync(project, { recursive: true }));

describe.each([
  ["cli", ["commander", "@pandastack/sdk", "@pandastack/mcp", "@balena/dockerignore"]],
  ["mcp", ["@pandastack/sdk", "@modelcontextprotocol/server", "zod"]],
])("what npm packs of %s", (name, dependencies) => {
  it("is scripts, a page and the licence; nothing of the repository, no test, no source", async () => {
    const { stdout } = await run("npm", ["pack", "--dry-run", "--json"], { cwd: packed(name) });
    const said = JSON.parse(stdout) as unknown;
    const [{ files }] = Object.values(said as object) as [{ files: { path: string }[] }];
    const paths = files.map(({ path }) => path);
    expect(paths).toEqual(expect.arrayContaining(["LICENSE", "README.md", "package.json"]));
    const others = paths.filter((path) => !/^dist\/.*\.(js|mjs)$/.test(path));
    expect(others.toSorted()).toEqual(["LICENSE", "README.md", "package.json"]);
    for (const path of paths.filter((each) => each.startsWith("dist/")))
      expect(readFileSync(join(packed(name), path), "utf8"), path).not.toMatch(
        /from "(\.[^"]*\.ts|@pandastack\/setup)/,
      );
  });

  it("says what it needs, and is for everybody", () => {
    const manifest = JSON.parse(readFileSync(join(packed(name), "package.json"), "utf8"));
    expect(manifest).toMatchObject({
      name: `@pandastack/${name}`,
      license: "Apache-2.0",
      engines: { node: ">=20.10" },
    });
    expect(manifest.private).toBeUndefined();
    expect(Object.keys(manifest.dependencies).toSorted()).toEqual(dependencies.toSorted());
  });
});

/** This Node, and an older one of those that are promised, where the machine has one. */
const nodes = [process.execPath, ...(process.env["PATH"] ?? "").split(delimiter).map((folder) => join(folder, "node"))]
  .concat("/usr/bin/node")
  .filter(
    (path) => Number(/^v(\d+)/.exec(spawnSync(path, ["--version"], { encoding: "utf8" }).stdout ?? "")?.[1]) >= 20,
  );

it.each([...new Set(nodes)])(
  "runs on %s: commands, completion, MCP; and says what is only on the server",
  async (node) => {
    const server = await startContractServer();
    onTestFinished(() => server.close());
    const env = { ...process.env, PANDASTACK_API_URL: server.url, PANDASTACK_API_KEY: "pds_x" };
    const cli = (...args: string[]) => run(node, [join(packed("cli"), "dist/main.js"), ...args], { env, cwd: project });
    expect((await cli("--version")).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect((await cli("list")).stdout).toMatch(/^ID +STATUS/);
    expect((await cli("create", "--json")).stdout).toContain('"id"');
    expect((await cli("completion", "bash")).stdout).toContain("_pandastack");
    const serving = cli("mcp");
    serving.child.stdin?.end();
    expect(await serving).toEqual({ stdout: "", stderr: "" });
    const failure = await cli("backup", "/tmp/x").catch((error: { code: number; stderr: string }) => error);
    expect(failure).toMatchObject({ code: 2, stderr: expect.stringMatching(/root|server's own machine/) });
  },
  60_000,
);
