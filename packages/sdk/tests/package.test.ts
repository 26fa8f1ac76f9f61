import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { buildPackage } from "../pack/build.ts";

const REPOSITORY = join(import.meta.dirname, "../../..");
const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), "pandastack-package-"));
const built = join(folder, "package");

beforeAll(() => {
  mkdirSync(built);
  buildPackage(built);
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true }));

/** A project that has installed the package, with what it depends on and types of Node. */
function consumer(name: string, program: string): string {
  const project = join(folder, name);
  const modules = join(project, "node_modules");
  mkdirSync(join(modules, "@pandastack"), { recursive: true });
  mkdirSync(join(modules, "@types"));
  cpSync(built, join(modules, "@pandastack/sdk"), { recursive: true });
  for (const each of ["ws", "@types/node", "undici-types"])
    symlinkSync(join(REPOSITORY, "node_modules", each), join(modules, each));
  writeFileSync(join(project, "package.json"), '{"type":"module"}');
  writeFileSync(join(project, "main.ts"), program);
  return project;
}

it("holds JavaScript, declarations and what a package has, and nothing of the repository", () => {
  expect(readdirSync(built).toSorted()).toEqual(["LICENSE", "README.md", "dist", "package.json"]);
  const files = readdirSync(join(built, "dist"), { recursive: true, encoding: "utf8" });
  expect(files.filter((path) => /\.[a-z.]+$/.test(path) && !/\.(js|d\.ts)$/.test(path))).toEqual([]);
  for (const path of files.filter((each) => /\.(js|ts)$/.test(each))) {
    const text = readFileSync(join(built, "dist", path), "utf8");
    expect(text, path).not.toContain("@pandastack/contracts");
    expect(text, path).not.toMatch(/from "\.[^"]*\.ts"/);
  }
  const manifest = JSON.parse(readFileSync(join(built, "package.json"), "utf8"));
  expect(manifest).toMatchObject({ name: "@pandastack/sdk", license: "Apache-2.0", engines: { node: ">=20" } });
  expect(Object.keys(manifest.dependencies)).toEqual(["ws"]);
  expect(manifest.private).toBeUndefined();
});

const USE = `
import { NotFoundError, PandaStack, type PandaStackErrorCode, Sandbox, type SandboxInfo } from "@pandastack/sdk";

export async function use(client: PandaStack): Promise<string> {
  await using sandbox = await client.sandboxes.create({ ttlSeconds: 60, metadata: { a: "b" } });
  const info: SandboxInfo = sandbox.info;
  const status: "creating" | "running" | "paused" | "stopping" | "hibernated" | "failed" | "deleted" = info.status;
  const { stdout, exitCode }: { stdout: string; exitCode: number } = await sandbox.commands.run("true");
  for await (const file of sandbox.files.list("/")) console.log(file.path.length, file.size.toFixed());
  for await (const each of Sandbox.list({ status: "running" }, client)) console.log(each.id);
  const code: PandaStackErrorCode = new NotFoundError("x").code;
  const { matches } = await sandbox.search.grep("x");
  // @ts-expect-error there is no such option
  await client.sandboxes.create({ ttl: 60 });
  // @ts-expect-error a number
  await sandbox.commands.run("true", { timeoutMs: "1" });
  return [status, stdout, exitCode, code, matches[0]?.line].join();
}
`;

it("type-checks in a strict project, its own declarations included", async () => {
  const project = consumer("typed", USE);
  const options = ["--strict", "--noEmit", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess"];
  const target = ["--target", "es2022", "--lib", "es2023,dom,esnext.disposable", "--types", "node"];
  const modules = ["--module", "nodenext", "--skipLibCheck", "false"];
  const tsc = join(REPOSITORY, "node_modules/.bin/tsc");
  const checked = await run(tsc, [...options, ...target, ...modules, "main.ts"], { cwd: project }).catch(
    (error: { stdout: string }) => error,
  );
  expect(checked.stdout).toBe("");
}, 60_000);

it("is loaded as it is", async () => {
  const project = consumer("loaded", "");
  const program =
    'import * as sdk from "@pandastack/sdk"; console.log(new sdk.PandaStack({ baseUrl: "http://x" }).baseUrl);';
  const { stdout } = await run(process.execPath, ["--input-type=module", "-e", program], { cwd: project });
  expect(stdout).toBe("http://x\n");
});
