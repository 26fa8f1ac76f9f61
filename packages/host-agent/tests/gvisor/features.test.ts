import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { findRunsc, openRunsc } from "../../src/runtimes/gvisor/builds.ts";
import { featuresOf, whyUnusable } from "../../src/runtimes/gvisor/features.ts";
import { runscCommand } from "../../src/runtimes/gvisor/runsc.ts";

/** A runsc that lists these flags and has these texts in it. */
function standIn(flags: readonly string[], texts: readonly string[], folder = temporaryFolder()): string {
  const path = join(folder, "runsc");
  const list = flags.map((flag) => `echo '  -${flag} value'`).join("\n");
  writeFileSync(path, `#!/bin/sh\n${list}\nexit 0\n${texts.join("\n")}\n`, { mode: 0o755 });
  return path;
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "pandastack-runsc-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const IMAGES = "dev.gvisor.spec.rootfs.";

it("knows builds from before what it would ask of them by looking into them", () => {
  expect(featuresOf(standIn(["root"], []))).toEqual({
    readsImages: false,
    boundsLayer: false,
    knowsNetns: false,
    copiesConnected: false,
    flags: [],
  });
  expect(featuresOf(standIn(["root", "allow-suid"], [IMAGES]))).toEqual({
    readsImages: true,
    boundsLayer: false,
    knowsNetns: false,
    copiesConnected: false,
    flags: ["--allow-suid"],
  });
  const newer = standIn(
    ["allow-suid", "restore-spec-validation", "sidecar-usage-policy"],
    [IMAGES, "{mount}:{medium}[,size={size}]", "/proc/sys/net/core/dev_weight"],
  );
  expect(featuresOf(newer)).toEqual({
    readsImages: true,
    boundsLayer: true,
    knowsNetns: true,
    copiesConnected: false,
    // Nothing about sidecars, of which it has none.
    flags: ["--restore-spec-validation=ignore", "--allow-suid"],
  });
});

it("says why there can be no sandboxes with it", () => {
  expect(whyUnusable(featuresOf(standIn([], [])))).toMatch(/images/);
  expect(whyUnusable(featuresOf(standIn([], [IMAGES])))).toBeUndefined();
});

it("does not look into one that has its sidecars", () => {
  const cacheDir = temporaryFolder();
  const folder = join(cacheDir, "runsc/key");
  mkdirSync(join(folder, "gvisor-bin"), { recursive: true });
  standIn([], [], folder);
  const build = findRunsc(cacheDir, "key")!;
  expect(build.features).toMatchObject({ readsImages: true, boundsLayer: true, knowsNetns: true });
  expect(build.features.flags).toContain("--sidecar-usage-policy=STRICT");
  expect(runscCommand(build, "/root-of-it", ["restore", "id"])[0]).toBe(build.path);
});

it("hides from an older one what makes it take every netns for the host's, where it makes a network", () => {
  const build = openRunsc("old", standIn([], [IMAGES]));
  for (const verb of ["start", "restore"]) {
    const command = runscCommand(build, "/root-of-it", [verb, "id"]);
    expect(command.slice(0, 2)).toEqual(["unshare", "--mount"]);
    expect(command.slice(-2)).toEqual([verb, "id"]);
  }
  expect(runscCommand(build, "/root-of-it", ["checkpoint", "id"])[0]).toBe(build.path);
});
