import { existsSync } from "node:fs";
import type { Step } from "../steps/step.ts";
import { runTool } from "../tools/run-tool.ts";
import { installPackages } from "./apt.ts";
import { findCargo } from "./cargo.ts";
import { type Distribution, isSupported, readDistribution } from "./distribution.ts";
import { whatToInstall } from "./what-to-install.ts";

/**
 * What the guest agent is compiled with. A step of its own: these packages are the largest by far, and everything else but the
 * agent can be made meanwhile.
 */
export function rust(distribution: Distribution = readDistribution()): Step {
  return {
    name: "Rust",
    needs: ["system packages"],
    isDone: async () => (await missing(distribution)).length === 0,
    run: async (context) => {
      const packages = await missing(distribution);
      if (!isSupported(distribution)) throw new Error(whatToInstall(distribution));
      context.say(`installing ${packages.join(" ")}`);
      await installPackages(packages, context);
      await findCargo();
    },
  };
}

async function missing(distribution: Distribution): Promise<string[]> {
  const cargo = await findCargo().then(
    () => true,
    () => false,
  );
  const packages = cargo ? [] : await rustPackages(distribution);
  if (!existsSync("/usr/bin/cc") && !existsSync("/usr/bin/gcc")) packages.push("gcc");
  // The agent is linked statically, with this library.
  if (!existsSync("/usr/lib/x86_64-linux-gnu/libc.a")) packages.push("libc6-dev");
  return packages;
}

/** The distribution's Rust that is new enough. */
async function rustPackages(distribution: Distribution): Promise<string[]> {
  if (distribution.id === "debian" && distribution.version === "12") return ["cargo-web", "rustc-web"];
  if (distribution.id !== "ubuntu") return ["cargo"];
  const listed = await runTool("apt-cache", ["--names-only", "search", "^cargo-1\\.[0-9]+$"], { life: "plain" }).catch(
    () => "",
  );
  const versions = [...listed.matchAll(/^cargo-1\.(\d+) /gm)]
    .map((match) => Number(match[1]))
    .filter((version) => version >= 85);
  return [`cargo-1.${Math.max(85, ...versions)}`];
}
