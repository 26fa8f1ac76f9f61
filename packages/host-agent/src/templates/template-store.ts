import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import type { HostTemplate } from "@pandastack/contracts/host";
import { Refusal, newHexId, type Logger, crashPoint } from "@pandastack/platform";
import { scratchDir, templateDir, type HostLayout } from "../files/layout.ts";
import type { Artifacts } from "../images/artifacts.ts";
import { readManifest, writeManifest, type ImageManifest } from "../images/manifest.ts";
import { GUEST_PROTOCOL_VERSION, templateKey } from "../images/template-key.ts";
import { processStat } from "../processes/proc.ts";
import { run } from "../processes/run.ts";
import type { MachineSize, Runtime } from "../runtimes/runtime.ts";
import type { NetworkSlot } from "../network/slot.ts";
import { bakeTemplate } from "./bake.ts";

const COPY_TIMEOUT_MS = 300_000;
const DEFAULT_TEMPLATE = "base";

export interface TemplateImage {
  readonly name: string;
  readonly dir: string;
  readonly manifest: ImageManifest;
}

/** Templates of this host: baked once, kept in the host's cache, copied into each server's pool (reflinks need one file system). */
export class TemplateStore {
  readonly #options: TemplateStoreOptions;
  readonly #images = new Map<string, TemplateImage>();
  readonly #status = new Map<string, HostTemplate>();

  constructor(options: TemplateStoreOptions) {
    this.#options = options;
  }

  /** Makes the template available, by whichever way is shortest. */
  async ensure(name: string): Promise<TemplateImage> {
    const { runtime, artifacts, layout, size, log } = this.#options;
    const rootfs = artifacts.rootfs[name];
    if (!rootfs) throw this.#unknown(name);
    const key = templateKey({ name, runtime, artifacts, size, mac: this.#options.mac });
    const dir = templateDir(layout, key);
    const status: HostTemplate = {
      name,
      runtime: runtime.name,
      status: "baking",
      ...size,
      diskMb: rootfs.diskMb,
      sizeBytes: 0,
      error: null,
    };
    this.#status.set(name, status);
    try {
      if (!readManifest(dir)) await this.#obtain(name, key, dir);
      await this.#keepInCache(name, dir, join(layout.cacheDir, "templates", key));
      const image = { name, dir, manifest: readManifest(dir)! };
      this.#images.set(name, image);
      this.#status.set(name, { ...status, status: "ready", sizeBytes: size.memoryMb * 1_048_576 });
      log.info({ template: name, key }, "template ready");
      return image;
    } catch (error) {
      this.#status.set(name, {
        ...status,
        status: "failed",
        error: error instanceof Error ? error.message : String(error),
      });
      throw error;
    }
  }

  image(name: string): TemplateImage {
    const image = this.#images.get(name);
    if (image) return image;
    if (this.#status.get(name)?.status === "baking")
      throw new Refusal("template.not_ready", `template "${name}" is being made; try again soon`, {
        retryAfterSeconds: 2,
      });
    throw this.#unknown(name);
  }

  list(): HostTemplate[] {
    return [...this.#status.values()];
  }

  async #obtain(name: string, key: string, dir: string): Promise<void> {
    const { layout, log } = this.#options;
    const scratch = scratchDir(layout, `template-${newHexId(4)}`);
    mkdirSync(scratch, { recursive: true, mode: 0o700 });
    mkdirSync(join(dir, ".."), { recursive: true, mode: 0o700 });
    const cached = join(layout.cacheDir, "templates", key);
    try {
      if (readManifest(cached)) {
        log.info({ template: name }, "copying the template from the host's cache");
        await copyImage(cached, scratch);
        crashPoint("host.template.copied");
        renameSync(scratch, dir);
      } else {
        await this.#bake(name, key, scratch);
        crashPoint("host.bake.described");
        renameSync(scratch, dir);
        crashPoint("host.bake.moved");
      }
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  }

  /** Also what an earlier life has made and then did not come to keep. */
  async #keepInCache(name: string, dir: string, cached: string): Promise<void> {
    removeUnfinished(cached);
    if (readManifest(cached)) return;
    await exportImage(dir, cached).catch((error: unknown) =>
      this.#options.log.warn({ err: error, template: name }, "could not keep the template in the host's cache"),
    );
  }

  async #bake(name: string, key: string, imageDir: string): Promise<void> {
    const { runtime, artifacts, layout, size, mac, log } = this.#options;
    const rootfs = artifacts.rootfs[name]!;
    log.info({ template: name, runtime: runtime.name }, "baking the template");
    const slot = await this.#options.acquireSlot();
    crashPoint("host.bake.begun");
    try {
      await bakeTemplate({ runtime, layout, slot, size, rootfs: rootfs.path, imageDir, log });
    } finally {
      await this.#options.releaseSlot(slot);
    }
    writeManifest(imageDir, {
      format: 1,
      runtime: runtime.name,
      buildKey: runtime.buildKey,
      template: name,
      templateKey: key,
      ...size,
      diskMb: rootfs.diskMb,
      mac,
      protocol: GUEST_PROTOCOL_VERSION,
      createdAt: new Date().toISOString(),
    });
  }

  #unknown(name: string): Refusal {
    const names = Object.keys(this.#options.artifacts.rootfs).join(", ");
    return new Refusal("template.not_found", `there is no template "${name}"; there are: ${names || DEFAULT_TEMPLATE}`);
  }
}

export interface TemplateStoreOptions {
  readonly runtime: Runtime;
  readonly artifacts: Artifacts;
  readonly layout: HostLayout;
  readonly size: MachineSize;
  readonly mac: string;
  readonly acquireSlot: () => Promise<NetworkSlot>;
  readonly releaseSlot: (slot: NetworkSlot) => Promise<void>;
  readonly log: Logger;
}

/** Between file systems: holes stay holes. The manifest goes last, since it says that the image is whole. */
async function copyImage(from: string, to: string): Promise<void> {
  const names = readdirSync(from).filter((name) => name !== "image.json");
  for (const name of [...names, "image.json"]) {
    await run("cp", ["--sparse=always", "--preserve=mode", "--", join(from, name), join(to, name)], {
      timeoutMs: COPY_TIMEOUT_MS,
    });
  }
}

async function exportImage(from: string, to: string): Promise<void> {
  const temporary = `${to}.tmp-${process.pid}`;
  mkdirSync(temporary, { recursive: true, mode: 0o700 });
  try {
    await copyImage(from, temporary);
    crashPoint("host.bake.exporting");
    if (!existsSync(to)) renameSync(temporary, to);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** Copies that a killed process has left beside `to`. Those of living ones are their own business: the cache is the host's. */
function removeUnfinished(to: string): void {
  const folder = dirname(to);
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) {
    const pid = /\.tmp-(\d+)$/.exec(name)?.[1];
    if (pid === undefined || processStat(Number(pid)) !== undefined) continue;
    rmSync(join(folder, name), { recursive: true, force: true });
  }
}
