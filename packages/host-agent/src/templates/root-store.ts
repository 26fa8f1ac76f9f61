import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { HostRoot } from "@pandastack/contracts/host";
import { crashPoint, type Logger, writeFileAtomic } from "@pandastack/platform";
import type { HostLayout } from "../files/layout.ts";
import type { Artifacts } from "../images/artifacts.ts";
import { processStat } from "../processes/proc.ts";
import type { Runtime } from "../runtimes/runtime.ts";
import { ARCHIVE, markRoot, OWN_DISK, readRoot, rootDir, rootsInUse, unmarkRoot } from "./root-files.ts";
import { writeRootImage } from "./root-image.ts";

/** What a runtime boots, and what it was made of. */
export interface RootImage {
  readonly path: string;
  readonly diskMb: number;
}

interface RootStoreOptions {
  readonly layout: HostLayout;
  readonly artifacts: Artifacts;
  /** What this server uses has become more. */
  readonly onChange: () => void;
  readonly log: Logger;
}

/** Root file systems that were taken out of sandboxes, by key: the same key, the same content. */
export class RootStore {
  readonly #options: RootStoreOptions;
  readonly #exporting = new Map<string, Promise<void>>();
  readonly #failed = new Map<string, string>();
  /** Whoever had them made has given them up. */
  readonly #unwanted = new Set<string>();
  readonly #deriving = new Map<string, Promise<void>>();

  constructor(options: RootStoreOptions) {
    this.#options = options;
    removeUnfinished(join(options.layout.cacheDir, "roots"));
  }

  /** Keys of those that this server uses. */
  list(): string[] {
    return rootsInUse(this.#options.layout).map((path) => basename(path));
  }

  state(key: string): HostRoot {
    const root = readRoot(this.#options.layout, key);
    if (root !== undefined) return { key, state: "ready", bytes: root.bytes, error: null };
    if (this.#exporting.has(key)) return { key, state: "exporting", bytes: 0, error: null };
    const error = this.#failed.get(key) ?? null;
    return { key, state: error === null ? "absent" : "failed", bytes: 0, error };
  }

  /** Begins to fill it, unless it is there or somebody does already. `write` fills an empty folder and says how much is in it. */
  begin(key: string, diskMb: number, write: (folder: string) => Promise<number>): HostRoot {
    const { layout, log } = this.#options;
    this.#unwanted.delete(key);
    if (readRoot(layout, key) === undefined && !this.#exporting.has(key)) {
      this.#failed.delete(key);
      const work = this.#fill(key, diskMb, write)
        .catch((error: unknown) => {
          log.warn({ err: error, key }, "a root file system could not be taken out of its sandbox");
          this.#failed.set(key, error instanceof Error ? error.message : String(error));
        })
        .finally(() => this.#exporting.delete(key));
      this.#exporting.set(key, work);
    }
    const state = this.state(key);
    if (state.state === "ready") this.#use(key);
    return state;
  }

  async #fill(key: string, diskMb: number, write: (folder: string) => Promise<number>): Promise<void> {
    const { layout } = this.#options;
    const dir = rootDir(layout, key);
    removeUnfinished(dirname(dir));
    const temporary = `${dir}.tmp-${process.pid}`;
    mkdirSync(temporary, { recursive: true, mode: 0o711 });
    crashPoint("host.root.begun");
    try {
      const bytes = await write(temporary);
      crashPoint("host.root.written");
      const description = { key, diskMb, bytes, createdAt: new Date().toISOString() };
      writeFileAtomic(join(temporary, "root.json"), JSON.stringify(description));
      if (readRoot(layout, key) === undefined) renameSync(temporary, dir);
      crashPoint("host.root.moved");
      if (!this.#unwanted.delete(key)) this.#use(key);
    } finally {
      rmSync(temporary, { recursive: true, force: true });
    }
  }

  #use(key: string): void {
    markRoot(this.#options.layout, key);
    this.#options.onChange();
  }

  /** This server has no more use for it. Whoever clears the cache removes it when nobody else has. */
  release(key: string): void {
    if (this.#exporting.has(key)) this.#unwanted.add(key);
    unmarkRoot(this.#options.layout, key);
    this.#options.onChange();
  }

  /** What this runtime boots; made from the archive when it is first asked for. */
  async image(key: string, runtime: Pick<Runtime, "rootImage">): Promise<RootImage> {
    const { layout, artifacts } = this.#options;
    const root = readRoot(layout, key);
    if (root === undefined) throw new Error(`the root file system ${key} is not on this host`);
    const dir = rootDir(layout, key);
    const { diskMb } = root;
    if (existsSync(join(dir, OWN_DISK))) return { path: join(dir, OWN_DISK), diskMb };
    const kind = runtime.rootImage ?? "ext4";
    const { agentKey } = artifacts.initrd;
    const path = join(dir, kind === "erofs" ? `root-${agentKey}.erofs` : "root.ext4");
    if (existsSync(path)) return { path, diskMb };
    const agent = kind === "erofs" ? agentOf(layout, agentKey) : undefined;
    const making =
      this.#deriving.get(path) ??
      writeRootImage({ archive: join(dir, ARCHIVE), image: path, kind, diskMb, key, agent }).finally(() =>
        this.#deriving.delete(path),
      );
    this.#deriving.set(path, making);
    await making;
    return { path, diskMb };
  }
}

/** The program alone in its entry of the cache. */
function agentOf({ cacheDir }: HostLayout, key: string): string {
  const folder = join(cacheDir, "guest-agent", key);
  const program = readdirSync(folder).find((name) => statSync(join(folder, name)).isFile());
  if (program === undefined) throw new Error(`${folder} is empty`);
  return join(folder, program);
}

const OF_PROCESS = /\.(?:tmp|work|part)-(\d+)(?:-[0-9a-f]+)?$/;

/**
 * What killed processes were about to make: whole roots, and images of them. That of living ones is their own business: the cache
 * is the host's.
 */
function removeUnfinished(folder: string): void {
  const remove = (within: string, depth: number): void => {
    for (const entry of existsSync(within) ? readdirSync(within, { withFileTypes: true }) : []) {
      const path = join(within, entry.name);
      const pid = OF_PROCESS.exec(entry.name)?.[1];
      if (pid !== undefined && processStat(Number(pid)) === undefined) rmSync(path, { recursive: true, force: true });
      else if (pid === undefined && entry.isDirectory() && depth > 0) remove(path, depth - 1);
    }
  };
  remove(folder, 1);
}
