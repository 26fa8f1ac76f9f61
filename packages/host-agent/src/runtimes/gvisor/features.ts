import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** What differs between builds of runsc, found out by looking into them: distributions have older ones than ours. */
export interface RunscFeatures {
  /** A root file system may be an image that the sentry reads by itself. */
  readonly readsImages: boolean;
  /** The writable layer can be bounded. Else a sandbox that writes more than its memory is ended for it. */
  readonly boundsLayer: boolean;
  /**
   * It tells the host's netns from others by what is there on every kernel. Older builds look for a file that newer kernels show
   * in each of them, and make no network in any.
   */
  readonly knowsNetns: boolean;
  /**
   * A guest can be written down while it is connected to others. Older builds end its connections at that instant, and in the copy
   * a program that waits for events of one of these may wait for ever, for all that it waits for.
   */
  readonly copiesConnected: boolean;
  /** Of the flags that we would give it, those it knows. */
  readonly flags: readonly string[];
  /** The program that speaks with its sentries, of builds that give a container its network before it is restored. */
  readonly caller?: string;
}

/** Why there can be no sandboxes with this build; undefined: there can. */
export const whyUnusable = ({ readsImages }: RunscFeatures): string | undefined =>
  readsImages ? undefined : "it reads no root file systems from images";

/** Builds from before these flags do without asking what they ask for. */
const WANTED_FLAGS = [
  "--restore-spec-validation=ignore",
  "--allow-live-tcp-migration=false",
  "--allow-suid",
  "--sidecar-usage-policy=STRICT",
];
const SIDECARS = "gvisor-bin";
const CALLER = "pandastack-call";

/** Texts that are in a build which has the feature. */
const READS_IMAGES = "dev.gvisor.spec.rootfs.";
const BOUNDS_LAYER = "[,size={size}]";
const KNOWS_NETNS = "/proc/sys/net/core/dev_weight";

const known = new Map<string, RunscFeatures>();

/** Of the build in this file. Asked once in a process: a build is never changed. */
export function featuresOf(path: string): RunscFeatures {
  const found = known.get(path) ?? look(path);
  known.set(path, found);
  return found;
}

function look(path: string): RunscFeatures {
  // With its sidecars beside it it is newer than all of this.
  const sidecars = join(dirname(path), SIDECARS);
  if (existsSync(sidecars)) {
    const caller = join(sidecars, CALLER);
    const has = { readsImages: true, boundsLayer: true, knowsNetns: true, copiesConnected: true };
    return { ...has, flags: WANTED_FLAGS, ...(existsSync(caller) && { caller }) };
  }
  const { stdout, stderr } = spawnSync(path, ["flags"], { encoding: "utf8" });
  const listed = new Set(`${stdout}${stderr}`.split("\n").flatMap((line) => /^\s+-([\w-]+)/.exec(line)?.[1] ?? []));
  const text = readFileSync(path);
  return {
    readsImages: text.includes(READS_IMAGES),
    boundsLayer: text.includes(BOUNDS_LAYER),
    knowsNetns: text.includes(KNOWS_NETNS),
    copiesConnected: listed.has("allow-live-tcp-migration"),
    // It has none of the sidecars: a policy about them would be in the way.
    flags: WANTED_FLAGS.filter((flag) => !flag.startsWith("--sidecar") && listed.has(/^--([\w-]+)/.exec(flag)![1]!)),
  };
}
