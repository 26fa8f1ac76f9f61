import { mkdirSync, readdirSync, symlinkSync, rmSync } from "node:fs";
import { join } from "node:path";
import { hashParts, hashTree } from "../cache/hash.ts";
import type { Cache, Entry, Outcome } from "../cache/cache.ts";
import { removeTree } from "../tools/remove-tree.ts";
import { runTool } from "../tools/run-tool.ts";
import type { StepContext } from "../steps/step.ts";
import { DEBIAN_SUITE, type DebianMirror, mirrorArguments } from "./debian.ts";
import { extractKernel } from "./kernel.ts";
import { collectModules, GUEST_MODULES } from "./modules.ts";
import { buildVmmRoot, VMM_FILES, VMM_PROGRAMS } from "./vmm-root.ts";

/** The virtual machine, from the distribution: VMM in a root of its own, guest kernel, its modules. One download makes both. */
export interface MachineOutcome extends Outcome {
  readonly vmmKey: string;
  readonly vmmVersion: string;
  readonly kernelKey: string;
  readonly kernelVersion: string;
}
export type MachineEntry = Entry<MachineOutcome>;

const KIND = "machine";
const RECIPE_VERSION = "1";
const PACKAGES = ["qemu-system-x86", "linux-image-cloud-amd64", "util-linux"];

export const vmmRootOf = (entry: MachineEntry): string => join(entry.path, "vmm");
export const kernelOf = (entry: MachineEntry): string => join(entry.path, "vmlinux");
export const modulesOf = (entry: MachineEntry): string => join(entry.path, "modules");

const recipe = (mirror: DebianMirror): string =>
  hashParts(RECIPE_VERSION, DEBIAN_SUITE, mirror ?? "", ...PACKAGES, ...VMM_PROGRAMS, ...VMM_FILES, ...GUEST_MODULES);

export function findMachine(cache: Cache, mirror: DebianMirror): MachineEntry | undefined {
  return cache.find<MachineOutcome>(KIND, recipe(mirror));
}

export function obtainMachine(cache: Cache, mirror: DebianMirror, context: StepContext): Promise<MachineEntry> {
  const build = async (folder: string): Promise<MachineOutcome> => {
    const tree = join(folder, "tree");
    // `extract`: packages are unpacked and not configured; nothing of them runs here as a system.
    const args = [
      "--variant=extract",
      `--include=${PACKAGES.join(",")}`,
      DEBIAN_SUITE,
      tree,
      ...mirrorArguments(mirror),
    ];
    await runTool("mmdebstrap", args, { log: context.log });
    mergeUsr(tree);
    const vmm = join(folder, "vmm");
    const vmmVersion = await buildVmmRoot({ tree, target: vmm, log: context.log });
    const kernelVersion = onlyEntry(join(tree, "usr/lib/modules"));
    await extractKernel(join(tree, "boot", `vmlinuz-${kernelVersion}`), join(folder, "vmlinux"));
    mkdirSync(join(folder, "modules"));
    await collectModules({ tree, kernelVersion, target: join(folder, "modules"), log: context.log });
    await removeTree(tree);
    const vmmKey = await hashTree(vmm);
    const kernelKey = await hashTree(join(folder, "vmlinux"), join(folder, "modules"));
    return { key: hashParts(vmmKey, kernelKey), vmmKey, vmmVersion, kernelKey, kernelVersion };
  };
  return cache.obtain(KIND, recipe(mirror), build, () => context.say("another set-up builds it, waiting"));
}

/** `extract` does not run base-files' scripts, which make these. */
function mergeUsr(tree: string): void {
  for (const name of ["bin", "sbin", "lib", "lib64"]) {
    rmSync(join(tree, name), { force: true });
    symlinkSync(`usr/${name}`, join(tree, name));
  }
}

function onlyEntry(folder: string): string {
  const names = readdirSync(folder);
  if (names.length !== 1) throw new Error(`expected one kernel in ${folder}, found: ${names.join(", ") || "none"}`);
  return names[0] as string;
}
