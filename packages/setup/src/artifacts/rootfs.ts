import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Cache, Entry, Outcome } from "../cache/cache.ts";
import { hashParts } from "../cache/hash.ts";
import type { StepContext } from "../steps/step.ts";
import { removeTree } from "../tools/remove-tree.ts";
import { runTool } from "../tools/run-tool.ts";
import { DEBIAN_SUITE, type DebianMirror, mirrorArguments } from "./debian.ts";
import { GUEST_NODE, GUEST_NPM, obtainNpmPackage } from "./npm-package.ts";
import { BASE } from "./rootfs/base.ts";
import { furnish } from "./rootfs/furnish.ts";
import { writeExt4 } from "./rootfs/image.ts";
import { writePackageList } from "./rootfs/package-list.ts";
import { installToolchains, obtainToolchains, TOOLCHAINS } from "./rootfs/toolchains.ts";
import { trustCertificates } from "./rootfs/trust.ts";

/** The root file system of the template `base`. */
export interface RootfsOutcome extends Outcome {
  readonly diskMb: number;
  /** Kind, name and version of every package inside. */
  readonly packages: readonly string[];
}
export type RootfsEntry = Entry<RootfsOutcome>;

const KIND = "rootfs";
const RECIPE_VERSION = "3";

export interface RootfsInput {
  readonly mirror: DebianMirror;
  /** PEM, one a string. */
  readonly certificates: readonly string[];
}

export const rootfsOf = (entry: RootfsEntry): string => join(entry.path, "root.ext4");

const recipe = (input: RootfsInput): string =>
  hashParts(
    RECIPE_VERSION,
    DEBIAN_SUITE,
    input.mirror ?? "",
    JSON.stringify(BASE),
    JSON.stringify([GUEST_NODE, GUEST_NPM, TOOLCHAINS]),
    ...input.certificates,
  );

export function findRootfs(cache: Cache, input: RootfsInput): RootfsEntry | undefined {
  return cache.find<RootfsOutcome>(KIND, recipe(input));
}

export function obtainRootfs(cache: Cache, input: RootfsInput, context: StepContext): Promise<RootfsEntry> {
  const { log } = context;
  const build = async (folder: string): Promise<RootfsOutcome> => {
    // The tree holds sudo, setuid root: nobody else may walk in.
    const closed = join(folder, "closed");
    mkdirSync(closed, { mode: 0o700 });
    const root = join(closed, "root");
    const [node, npm, toolchains] = await Promise.all([
      obtainNpmPackage(cache, GUEST_NODE, context),
      obtainNpmPackage(cache, GUEST_NPM, context),
      obtainToolchains(cache, context),
      runTool("mmdebstrap", bootstrapArguments(root, input.mirror), { log }),
    ]);
    await furnish({ root, node: node.path, npm: npm.path, log });
    await installToolchains(root, toolchains, log);
    await trustCertificates(root, input.certificates, log);
    const inside = await writePackageList(root, log);
    const key = hashParts(recipe(input), ...inside);
    await writeExt4({ folder: root, image: join(folder, "root.ext4"), diskMb: BASE.diskMb, uuid: uuidFrom(key), log });
    await removeTree(closed);
    return { key, diskMb: BASE.diskMb, packages: inside };
  };
  return cache.obtain(KIND, recipe(input), build, () => context.say("another set-up builds it, waiting"));
}

function bootstrapArguments(root: string, mirror: DebianMirror): string[] {
  const filters = [
    ...BASE.excluded.map((path) => `--dpkgopt=path-exclude=${path}`),
    ...BASE.included.map((path) => `--dpkgopt=path-include=${path}`),
  ];
  return [
    "--variant=minbase",
    `--include=${BASE.packages.join(",")}`,
    ...filters,
    DEBIAN_SUITE,
    root,
    ...mirrorArguments(mirror),
  ];
}

/** A UUID (version 8, ours to fill) that follows from the key: the same input makes the same image. */
function uuidFrom(key: string): string {
  const hex = `${key}${key}`.slice(0, 32);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`;
}
