import { copyFileSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { runTool } from "../tools/run-tool.ts";

/** What the guest agent loads before anything else, and which the stock kernel does not have built in: devices, then what ends stale connections. */
export const GUEST_MODULES = [
  "virtio_mmio",
  "virtio_blk",
  "virtio_net",
  "virtio_balloon",
  "virtio_rng",
  "overlay",
  "inet_diag",
  "tcp_diag",
];

/** Name of the list of modules, beside them, one file name a line in the order of loading. */
export const MODULE_LIST = "modules.list";

/** Copies the guest's modules and what they depend on, decompressed: the guest agent hands them to the kernel as they are. */
export async function collectModules(options: {
  tree: string;
  kernelVersion: string;
  target: string;
  log: (text: string) => void;
}): Promise<void> {
  const { tree, kernelVersion, target, log } = options;
  await runTool("depmod", ["-b", tree, kernelVersion], { log });
  const folder = join(tree, "usr/lib/modules", kernelVersion);
  const dependencies = parseDependencies(readFileSync(join(folder, "modules.dep"), "utf8"));
  const builtin = new Set(readFileSync(join(folder, "modules.builtin"), "utf8").split("\n").map(moduleName));
  const names: string[] = [];
  for (const path of loadingOrder(GUEST_MODULES, dependencies, builtin)) {
    const name = `${moduleName(path)}.ko`;
    copyFileSync(join(folder, path), join(target, basename(path)));
    if (path.endsWith(".xz")) await runTool("xz", ["--decompress", join(target, basename(path))], { life: "plain" });
    else if (path.endsWith(".zst"))
      await runTool("zstd", ["-d", "--rm", "-q", join(target, basename(path))], { life: "plain" });
    names.push(name);
    renameSync(join(target, basename(path).replace(/\.(xz|zst)$/, "")), join(target, name));
  }
  writeFileSync(join(target, MODULE_LIST), names.map((name) => `${name}\n`).join(""));
}

/** Path of each module → paths of those it needs, the deepest last, as modules.dep has them. */
export function parseDependencies(text: string): Map<string, string[]> {
  const dependencies = new Map<string, string[]>();
  for (const line of text.split("\n")) {
    const colon = line.indexOf(":");
    if (colon < 0) continue;
    dependencies.set(
      line.slice(0, colon),
      line
        .slice(colon + 1)
        .split(" ")
        .filter((path) => path !== ""),
    );
  }
  return dependencies;
}

/** Paths in an order in which every module comes after those it needs. Built-in ones are left out. */
export function loadingOrder(
  wanted: readonly string[],
  dependencies: Map<string, string[]>,
  builtin: Set<string>,
): string[] {
  const pathOf = new Map([...dependencies.keys()].map((path) => [moduleName(path), path]));
  const order: string[] = [];
  for (const name of wanted) {
    if (builtin.has(name)) continue;
    const path = pathOf.get(name);
    if (path === undefined) throw new Error(`the kernel has no module ${name}`);
    for (const needed of [...(dependencies.get(path) ?? [])].reverse()) if (!order.includes(needed)) order.push(needed);
    if (!order.includes(path)) order.push(path);
  }
  return order;
}

/** `kernel/drivers/char/hw_random/virtio-rng.ko.xz` → `virtio_rng`: the kernel takes dash and underscore for the same. */
export function moduleName(path: string): string {
  return basename(path)
    .replace(/\.ko(\.\w+)?$/, "")
    .replaceAll("-", "_");
}
