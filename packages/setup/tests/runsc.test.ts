import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { findRunsc, obtainRunsc, type RunscInput } from "../src/artifacts/runsc.ts";
import { openCache } from "../src/cache/cache.ts";
import { findGo, isGoAtLeast } from "../src/host/go.ts";
import { temporaryFolder } from "./folder.ts";

const MODULE = join(import.meta.dirname, "../../../native/runsc");
/** A mirror without anything. */
const NO_MIRROR = "file:///none";

const said: string[] = [];
const context = { say: (text: string) => void said.push(text), log: () => {} };

function program(path: string, text: string): string {
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o755);
  return path;
}

function input(changes: Partial<RunscInput>): RunscInput {
  return { runsc: undefined, runscModule: MODULE, mirror: NO_MIRROR, ...changes };
}

/** A module that asks for a Go that nobody has. */
function moduleOfTheFuture(): string {
  const folder = temporaryFolder();
  for (const name of ["prepare", "call"]) mkdirSync(join(folder, name));
  for (const name of ["go.sum", "prewarm.c"]) writeFileSync(join(folder, name), "");
  writeFileSync(join(folder, "go.mod"), readFileSync(join(MODULE, "go.mod"), "utf8").replace(/^go .*$/m, "go 9.99.0"));
  return folder;
}

it("takes the first Go that is new enough", async () => {
  const [old, fresh] = [temporaryFolder(), temporaryFolder()];
  program(join(old, "go"), "echo go1.24.9");
  program(join(fresh, "go"), "echo go1.26.3");
  expect(await findGo("1.26.3", [old, fresh])).toBe(join(fresh, "go"));
  expect(await findGo("1.26.4", [old, fresh])).toBeUndefined();
});

it("compares versions by number", () => {
  expect(isGoAtLeast("go1.100.0", "1.26.3")).toBe(true);
  expect(isGoAtLeast("go1.26", "1.26.0")).toBe(true);
  expect(isGoAtLeast("go1.26rc1", "1.26.3")).toBe(false);
  expect(isGoAtLeast("devel", "1.26.3")).toBe(false);
});

it("copies a given runsc with what lies beside it, and keeps the former when another takes its place", async () => {
  const cache = openCache(join(temporaryFolder(), "cache"));
  const folder = temporaryFolder();
  const path = program(join(folder, "runsc"), "echo runsc version one");
  const given = input({ runsc: path });
  expect(await findRunsc(cache, given)).toBeUndefined();
  const first = await obtainRunsc(cache, given, context);
  expect(first).toMatchObject({ version: "one", origin: "given", sidecars: false });
  expect(await findRunsc(cache, given)).toEqual(first);

  mkdirSync(join(folder, "gvisor-bin"));
  program(join(folder, "gvisor-bin/gvisor_sentry"), "exit 0");
  program(path, "echo runsc version twenty");
  const second = await obtainRunsc(cache, given, context);
  expect(second).toMatchObject({ version: "twenty", sidecars: true });
  if ("missing" in first || "missing" in second) throw new Error("one of them is missing");
  expect(second.key).not.toBe(first.key);
  expect(existsSync(join(first.path, "runsc"))).toBe(true);
});

it("refuses a given runsc that is none", async () => {
  const cache = openCache(join(temporaryFolder(), "cache"));
  const path = program(join(temporaryFolder(), "runsc"), "echo something else");
  await expect(obtainRunsc(cache, input({ runsc: path }), context)).rejects.toThrow(/does not tell its version/);
  await expect(findRunsc(cache, input({ runsc: "/none/runsc" }))).rejects.toThrow(/there is no file \/none\/runsc/);
});

it("goes on without gVisor where neither a build nor a package can be had, and says why", async () => {
  const cache = openCache(join(temporaryFolder(), "cache"));
  const runscModule = moduleOfTheFuture();
  const outcome = await obtainRunsc(cache, input({ runscModule }), context);
  expect(outcome).toEqual({ missing: expect.stringMatching(/could neither build nor fetch runsc/) });
  expect(said.join("\n")).toMatch(/cannot be built here \(no Go >= 9\.99\.0 is installed\)/);
  await expect(obtainRunsc(cache, input({ runscModule, runsc: "build" }), context)).rejects.toThrow(
    /no Go >= 9\.99\.0/,
  );
  await expect(obtainRunsc(cache, input({ runscModule, runsc: "debian" }), context)).rejects.toThrow(/mmdebstrap/);
});

it("is content with none where the operator wants none", async () => {
  const cache = openCache(join(temporaryFolder(), "cache"));
  expect(await findRunsc(cache, input({ runsc: "none" }))).toBe("none");
});
