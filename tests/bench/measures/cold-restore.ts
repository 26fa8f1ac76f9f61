import { execFileSync } from "node:child_process";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type BaseRoot, mountBaseRoot } from "../base-root.ts";
import type { MakeMeasure } from "../measure.ts";
import { median } from "../stats.ts";
import { plainConfig } from "./plain-config.ts";

const MOST_OF_BY_HAND = 0.8;

/**
 * What a create on gVisor does, by the host's own runsc and by hand: a checkpoint of one sleeping process is restored where nothing
 * waits for it. Beside it creates of ours, which answer only when the sandbox is itself and takes commands.
 */
export const coldRestore: MakeMeasure = ({ client, quick, runtime, server }) => {
  const byHand: number[] = [];
  const ours: number[] = [];
  let hand: Hand | undefined;
  const reason =
    server === undefined
      ? "the server is not the bench's own"
      : isInstalled("runsc")
        ? undefined
        : "package runsc is not installed";
  return {
    rounds: quick ? 4 : 12,
    prepare() {
      if (server !== undefined && reason === undefined) hand = new Hand(mountBaseRoot(server.dataDir));
      return Promise.resolve();
    },
    async round(isCounted) {
      if (hand === undefined) return;
      const restored = hand.restore();
      const sandbox = await client.create();
      await client.remove(sandbox.id);
      if (!isCounted) return;
      byHand.push(restored);
      ours.push(sandbox.ms);
    },
    finish() {
      hand?.remove();
      return Promise.resolve();
    },
    rows() {
      const notRun = reason === undefined ? {} : { notRun: reason };
      const target = runtime === "gvisor" ? { target: { atMost: MOST_OF_BY_HAND } } : {};
      const ratio = ours.length === 0 ? [] : [median(ours) / median(byHand)];
      return [
        { name: "runsc restore by hand, cold", unit: "ms", samples: byHand, ...notRun },
        { name: "  create / runsc restore", unit: "times", ...target, samples: ratio, ...notRun },
      ];
    },
  };
};

const isInstalled = (program: string): boolean =>
  (process.env["PATH"] ?? "").split(":").some((folder) => existsSync(join(folder, program)));

/** Whoever restores by hand. */
class Hand {
  readonly #base: BaseRoot;
  readonly #image: string;

  constructor(base: BaseRoot) {
    this.#base = base;
    this.#image = join(base.dir, "image");
    writeFileSync(join(base.dir, "config.json"), JSON.stringify(plainConfig(["/bin/sleep", "3600"])));
    this.#runsc("run", "--detach", "parent");
    this.#runsc("checkpoint", "--image-path", this.#image, "parent");
    this.#runsc("delete", "--force", "parent");
  }

  restore(): number {
    const began = performance.now();
    this.#runsc("restore", "--detach", "--image-path", this.#image, "child");
    const ms = performance.now() - began;
    this.#runsc("delete", "--force", "child");
    return ms;
  }

  remove(): void {
    rmSync(this.#image, { recursive: true });
    this.#base.remove();
  }

  #runsc(...argv: string[]): void {
    const { dir } = this.#base;
    const flags = ["--root", join(dir, "state"), "--network=none", "--ignore-cgroups"];
    // Its output would be the sandbox's, and keep it open.
    execFileSync("runsc", [...flags, ...argv], { cwd: dir, stdio: "ignore" });
  }
}
