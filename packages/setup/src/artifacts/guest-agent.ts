import { copyFileSync, chmodSync, existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Cache, Entry, Outcome } from "../cache/cache.ts";
import { hashParts, hashSources, hashTree } from "../cache/hash.ts";
import { lock } from "../tools/file-lock.ts";
import { runTool } from "../tools/run-tool.ts";
import { findCargo } from "../host/cargo.ts";
import type { StepContext } from "../steps/step.ts";

/** The guest agent's static binary. */
export type AgentEntry = Entry<Outcome>;

const KIND = "guest-agent";
const RECIPE_VERSION = "1";
const TARGET = "x86_64-unknown-linux-gnu";
const BINARY = "pandastack-guest-agent";

export const agentBinaryOf = (entry: AgentEntry): string => join(entry.path, BINARY);

const recipe = async (crate: string): Promise<string> =>
  hashParts(RECIPE_VERSION, TARGET, await hashSources(...sources(crate)));

export async function findGuestAgent(cache: Cache, crate: string): Promise<AgentEntry | undefined> {
  return cache.find(KIND, await recipe(crate));
}

export async function obtainGuestAgent(cache: Cache, crate: string, context: StepContext): Promise<AgentEntry> {
  const build = async (folder: string): Promise<Outcome> => {
    await cargo(cache, crate, ["build", "--release", "--bin", BINARY], context);
    const binary = join(cargoTargetDir(cache, crate), TARGET, "release", BINARY);
    copyFileSync(binary, join(folder, BINARY));
    chmodSync(join(folder, BINARY), 0o755);
    return { key: await hashTree(join(folder, BINARY)) };
  };
  return cache.obtain(KIND, await recipe(crate), build, () => context.say("another set-up builds it, waiting"));
}

/** Runs cargo on the crate. One at a time on a target folder, as cargo itself wants it. */
async function cargo(cache: Cache, crate: string, args: readonly string[], context: StepContext): Promise<void> {
  const held = await lock(join(cache.dir, "locks", "cargo"), () => context.say("another cargo runs, waiting"));
  try {
    const command = await cargoCommand(cache, crate, args);
    await runTool(command.file, command.args, { log: context.log, env: { ...process.env, ...command.env } });
  } finally {
    held.release();
  }
}

/** cargo with what the crate needs everywhere. */
export async function cargoCommand(
  cache: Cache,
  crate: string,
  [verb = "", ...args]: readonly string[],
): Promise<{ file: string; args: string[]; env: Record<string, string> }> {
  const { path, env } = await findCargo();
  const locked = existsSync(join(crate, "Cargo.lock")) ? ["--locked"] : [];
  return {
    file: path,
    args: [verb, "--manifest-path", join(crate, "Cargo.toml"), "--target", TARGET, ...locked, ...args],
    // Without an explicit --target these flags would reach proc-macros too, which can't be static.
    env: {
      ...env,
      RUSTFLAGS: "-C target-feature=+crt-static",
      CARGO_TARGET_DIR: cargoTargetDir(cache, crate),
      CARGO_TERM_COLOR: "never",
    },
  };
}

/** Per clone, so that two clones don't undo each other's incremental builds. */
function cargoTargetDir(cache: Cache, crate: string): string {
  return join(cache.dir, "cargo", hashParts(crate));
}

function sources(crate: string): string[] {
  const names = readdirSync(crate).filter((name) =>
    ["src", "Cargo.toml", "Cargo.lock", "build.rs", ".cargo"].includes(name),
  );
  return names.sort().map((name) => join(crate, name));
}
