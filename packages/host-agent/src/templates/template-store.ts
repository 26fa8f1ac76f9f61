import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { HostTemplate, HostTemplateSource, PreparedTemplate, RuntimeName } from "@pandastack/contracts/host";
import { Refusal, newHexId, type Logger, crashPoint } from "@pandastack/platform";
import { scratchDir, templateDir, type HostLayout } from "../files/layout.ts";
import type { Artifacts } from "../images/artifacts.ts";
import { readManifest, whyNotLoadable, writeManifest, type ImageManifest } from "../images/manifest.ts";
import { GUEST_PROTOCOL_VERSION, templateKey } from "../images/template-key.ts";
import type { RuntimeEntry } from "../runtimes/registry.ts";
import type { MachineRecord, MachineSize, Runtime } from "../runtimes/runtime.ts";
import type { NetworkSlot } from "../network/slot.ts";
import { bakeTemplate } from "./bake.ts";
import { copyImage, exportImage, isWhole, removeUnfinished } from "./baked-images.ts";
import type { RootImage, RootStore } from "./root-store.ts";

const DEFAULT_TEMPLATE = "base";
/** How long a create waits for a variant that is baked for it: its caller gives up at 30 s. */
const BAKE_WAIT_MS = 15_000;

export interface TemplateImage {
  readonly name: string;
  readonly runtime: RuntimeName;
  readonly dir: string;
  readonly manifest: ImageManifest;
}

/**
 * Templates of this host, one variant for each runtime that was asked for: baked once, kept in the host's cache, copied into
 * each server's pool (reflinks need one file system).
 */
export class TemplateStore {
  readonly #options: TemplateStoreOptions;
  readonly #images = new Map<string, TemplateImage>();
  readonly #status = new Map<string, HostTemplate>();
  readonly #making = new Map<string, Promise<TemplateImage>>();
  /** Of those, the ones that creates wait for. */
  readonly #onDemand = new Set<string>();

  constructor(options: TemplateStoreOptions) {
    this.#options = options;
  }

  /**
   * Makes the runtime's variant available, by whichever way is shortest. Calls at the same time share the work. `isAwaited`: a
   * create that comes meanwhile waits for it, as far as its caller would.
   */
  ensure(source: HostTemplateSource, entry: RuntimeEntry, { isAwaited = false } = {}): Promise<TemplateImage> {
    const variant = variantOf(source, entry);
    if (isAwaited) this.#onDemand.add(variant);
    const making =
      this.#making.get(variant) ??
      this.#make(source, entry).finally(() => {
        this.#making.delete(variant);
        this.#onDemand.delete(variant);
      });
    this.#making.set(variant, making);
    return making;
  }

  /** The runtime's variant as it is; one that nobody has asked for before is made first, as far as that takes no time. */
  async image(source: HostTemplateSource, entry: RuntimeEntry): Promise<TemplateImage> {
    const variant = variantOf(source, entry);
    const name = source.template;
    const known = this.#images.get(variant);
    if (known) return known;
    // What is made at the start is not waited for: that may take minutes, and the host says that it is not ready.
    const making = this.ensure(source, entry, { isAwaited: !this.#making.has(variant) }).catch((error: unknown) => {
      if (error instanceof Refusal) throw error;
      const why = error instanceof Error ? error.message : String(error);
      throw new Refusal(
        "template.build_failed",
        `template "${name}" could not be made for the runtime "${entry.runtime.name}": ${why}`,
      );
    });
    // It goes on when nobody waits for it any more.
    making.catch(() => {});
    const image = this.#onDemand.has(variant) ? await Promise.race([making, after(BAKE_WAIT_MS)]) : undefined;
    if (image) return image;
    throw new Refusal(
      "template.not_ready",
      `template "${name}" is being made for the runtime "${entry.runtime.name}"; try again soon`,
      { retryAfterSeconds: 2 },
    );
  }

  /** What an earlier start has made for this runtime and it can still load: it serves while a newer one is being made. */
  takeEarlier(name: string, entry: RuntimeEntry): TemplateImage | undefined {
    const { layout, mac } = this.#options;
    const folder = dirname(templateDir(layout, "x"));
    const hasDisk = entry.runtime.isDiskless !== true;
    const isUsable = ({ dir, manifest }: { dir: string; manifest: ImageManifest }): boolean =>
      manifest.template === name &&
      existsSync(join(dir, entry.runtime.imageDisk)) === hasDisk &&
      manifest.mac === mac &&
      manifest.cpus === entry.size.cpus &&
      manifest.memoryMb === entry.size.memoryMb &&
      whyNotLoadable(manifest, entry.runtime) === undefined;
    const newest = (existsSync(folder) ? readdirSync(folder) : [])
      .map((key) => ({ dir: templateDir(layout, key), manifest: readManifest(templateDir(layout, key)) }))
      .filter((found): found is { dir: string; manifest: ImageManifest } => found.manifest !== undefined)
      .filter(isUsable)
      .toSorted((a, b) => b.manifest.createdAt.localeCompare(a.manifest.createdAt))[0];
    if (newest === undefined) return undefined;
    const image = { name, runtime: entry.runtime.name, ...newest };
    this.#images.set(variantOf({ template: name }, entry), image);
    return image;
  }

  /** What set-up has made, in its usual size, and what was made here. */
  list(): HostTemplate[] {
    return [...this.#status.values()];
  }

  /** Nothing is made any more of a root file system: its images go from the pool, whatever life has made them. */
  forget(rootKey: string): void {
    for (const [variant, status] of this.#status) if (status.rootKey === rootKey) this.#status.delete(variant);
    const folder = dirname(templateDir(this.#options.layout, "x"));
    for (const key of existsSync(folder) ? readdirSync(folder) : []) {
      const dir = templateDir(this.#options.layout, key);
      if (readManifest(dir)?.rootKey !== rootKey) continue;
      for (const [variant, image] of this.#images) if (image.dir === dir) this.#images.delete(variant);
      // By another name at once: whoever looks for it while it goes finds none, and not half of one.
      const gone = scratchDir(this.#options.layout, `forgotten-${newHexId(4)}`);
      mkdirSync(dirname(gone), { recursive: true, mode: 0o700 });
      renameSync(dir, gone);
      rmSync(gone, { recursive: true, force: true });
    }
  }

  /** How far a variant is, after it was waited for as long as a caller would. One that is not there is begun. */
  async prepare(source: HostTemplateSource, entry: RuntimeEntry): Promise<PreparedTemplate> {
    const size = sizeOf(source, entry);
    const about = { cpus: size.cpus, memoryMb: size.memoryMb, diskMb: entry.runtime.diskMb?.(size) ?? 0 };
    const making = this.ensure(source, entry);
    making.catch(() => {});
    try {
      const image = await Promise.race([making, after(BAKE_WAIT_MS)]);
      if (image === undefined) return { state: "baking", error: null, ...about };
      return { state: "ready", error: null, ...about, diskMb: image.manifest.diskMb };
    } catch (error) {
      return { state: "failed", error: error instanceof Error ? error.message : String(error), ...about };
    }
  }

  async #make(source: HostTemplateSource, entry: RuntimeEntry): Promise<TemplateImage> {
    const { artifacts, layout, mac, log } = this.#options;
    const { runtime } = entry;
    const size = sizeOf(source, entry);
    const { template: name, rootKey, start } = source;
    const own = artifacts.rootfs[name];
    if (rootKey === undefined && own === undefined) throw this.#unknown(name);
    const variant = variantOf(source, entry);
    const key = templateKey({ name, runtime, artifacts, size, mac, rootKey, start });
    const dir = templateDir(layout, key);
    const status: HostTemplate = {
      name,
      rootKey: rootKey ?? own?.key ?? null,
      isOwn: rootKey === undefined && size === entry.size,
      runtime: runtime.name,
      status: "baking",
      ...size,
      diskMb: runtime.diskMb?.(size) ?? own?.diskMb ?? 0,
      sizeBytes: 0,
      error: null,
    };
    const ready = { ...status, status: "ready" as const, sizeBytes: size.memoryMb * 1_048_576 };
    this.#status.set(variant, this.#images.has(variant) ? ready : status);
    try {
      if (!isWhole(layout, dir, source, runtime)) await this.#obtain(source, entry, key, dir);
      await this.#keepInCache(name, dir, join(layout.cacheDir, "templates", key));
      const image = { name, runtime: runtime.name, dir, manifest: readManifest(dir)! };
      this.#images.set(variant, image);
      this.#status.set(variant, ready);
      log.info({ template: name, runtime: runtime.name, key }, "template ready");
      if (status.isOwn) this.#options.onReady(image, entry);
      return image;
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      this.#status.set(variant, this.#images.has(variant) ? ready : { ...status, status: "failed", error: text });
      throw error;
    }
  }

  async #obtain(source: HostTemplateSource, entry: RuntimeEntry, key: string, dir: string): Promise<void> {
    const { layout, log } = this.#options;
    const scratch = scratchDir(layout, `template-${newHexId(4)}`);
    mkdirSync(scratch, { recursive: true, mode: 0o700 });
    mkdirSync(join(dir, ".."), { recursive: true, mode: 0o700 });
    const cached = join(layout.cacheDir, "templates", key);
    for (const image of [dir, cached]) {
      if (isWhole(layout, image, source, entry.runtime)) continue;
      rmSync(image, { recursive: true, force: true });
    }
    try {
      if (readManifest(cached)) {
        log.info({ template: source.template }, "copying the template from the host's cache");
        await copyImage(cached, scratch);
        crashPoint("host.template.copied");
        renameSync(scratch, dir);
      } else {
        await this.#bake(source, entry, key, scratch);
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

  async #bake(source: HostTemplateSource, entry: RuntimeEntry, key: string, imageDir: string): Promise<void> {
    const { layout, mac, log } = this.#options;
    const { runtime } = entry;
    const name = source.template;
    const size = sizeOf(source, entry);
    log.info({ template: name, runtime: runtime.name }, "baking the template");
    const rootfs = await this.#rootOf(source, runtime);
    const slot = await this.#options.acquireSlot();
    crashPoint("host.bake.begun");
    let made: Pick<MachineRecord, "needs">;
    try {
      made = await bakeTemplate({
        runtime,
        layout,
        slot,
        size,
        rootfs: rootfs.path,
        imageDir,
        start: source.start,
        log,
      });
    } finally {
      await this.#options.releaseSlot(slot);
    }
    writeManifest(imageDir, {
      format: 1,
      runtime: runtime.name,
      buildKey: runtime.buildKey,
      ...(made.needs && { needs: [...made.needs] }),
      ...(runtime.cpuFeatures && { cpuFeatures: [...runtime.cpuFeatures] }),
      template: name,
      templateKey: key,
      ...(source.rootKey === undefined ? {} : { rootKey: source.rootKey }),
      ...size,
      diskMb: runtime.diskMb?.(size) ?? rootfs.diskMb,
      mac,
      protocol: GUEST_PROTOCOL_VERSION,
      createdAt: new Date().toISOString(),
    });
  }

  async #rootOf({ template, rootKey }: HostTemplateSource, runtime: Runtime): Promise<RootImage> {
    const { artifacts, roots } = this.#options;
    if (rootKey !== undefined) return roots.image(rootKey, runtime);
    const own = artifacts.rootfs[template];
    const path = runtime.rootImage === "erofs" ? artifacts.gvisor?.erofs[template]?.path : own?.path;
    if (own === undefined || path === undefined)
      throw new Error(`set-up has made no root file system of "${template}" for the runtime "${runtime.name}"`);
    return { path, diskMb: own.diskMb };
  }

  #unknown(name: string): Refusal {
    const names = Object.keys(this.#options.artifacts.rootfs).join(", ");
    return new Refusal("template.not_found", `there is no template "${name}"; there are: ${names || DEFAULT_TEMPLATE}`);
  }
}

export interface TemplateStoreOptions {
  readonly artifacts: Artifacts;
  readonly layout: HostLayout;
  readonly mac: string;
  readonly roots: RootStore;
  readonly acquireSlot: () => Promise<NetworkSlot>;
  readonly releaseSlot: (slot: NetworkSlot) => Promise<void>;
  /** Told of every variant that has become available. */
  readonly onReady: (image: TemplateImage, entry: RuntimeEntry) => void;
  readonly log: Logger;
}

/** An emulated machine has one processor, whatever a template asks for. */
function sizeOf({ cpus, memoryMb }: HostTemplateSource, { size }: RuntimeEntry): MachineSize {
  if ((cpus ?? size.cpus) >= size.cpus && (memoryMb ?? size.memoryMb) === size.memoryMb) return size;
  return { cpus: Math.min(cpus ?? size.cpus, size.cpus), memoryMb: memoryMb ?? size.memoryMb };
}

function variantOf(source: HostTemplateSource, entry: RuntimeEntry): string {
  const { cpus, memoryMb } = sizeOf(source, entry);
  const { template, rootKey, start } = source;
  // One runtime may have two kinds of templates, of which one has disks.
  const isDiskless = entry.runtime.isDiskless === true;
  return JSON.stringify([entry.runtime.name, isDiskless, template, rootKey ?? null, cpus, memoryMb, start ?? null]);
}

async function after(ms: number): Promise<undefined> {
  await delay(ms, undefined, { ref: false });
}
