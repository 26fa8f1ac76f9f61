import { createHash } from "node:crypto";
import type { TemplateStart } from "@pandastack/contracts/host";
import type { MachineSize, Runtime } from "../runtimes/runtime.ts";
import type { Artifacts } from "./artifacts.ts";

/** Bump when baking itself changes what ends up in a template's memory. */
const BAKE_VERSION = 2;
export const GUEST_PROTOCOL_VERSION = 1;

/** Names everything a template's memory depends on: the same key, the same image. */
export function templateKey(options: {
  name: string;
  runtime: Pick<Runtime, "name" | "buildKey" | "cpuFeatures">;
  artifacts: Artifacts;
  size: MachineSize;
  mac: string;
  /** Of a root file system that was made here; absent: set-up's, by its name. */
  rootKey?: string | undefined;
  start?: TemplateStart | undefined;
}): string {
  const { artifacts, runtime, rootKey, start } = options;
  const erofs =
    rootKey === undefined ? artifacts.gvisor?.erofs[options.name]?.key : [rootKey, artifacts.initrd.agentKey];
  const made =
    runtime.name === "gvisor"
      ? // Of the same tree as the disk, with the agent in it.
        [erofs, runtime.cpuFeatures]
      : [artifacts.kernel.key, artifacts.initrd.key, rootKey ?? artifacts.rootfs[options.name]?.key];
  const parts = [
    options.name,
    runtime.name,
    runtime.buildKey,
    ...made,
    options.size,
    options.mac,
    BAKE_VERSION,
    GUEST_PROTOCOL_VERSION,
    ...(start === undefined ? [] : [start]),
  ];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32);
}
