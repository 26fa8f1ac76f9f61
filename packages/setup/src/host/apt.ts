import { existsSync, readdirSync } from "node:fs";
import type { StepContext } from "../steps/step.ts";
import { runTool } from "../tools/run-tool.ts";

/** Installs packages with apt; fetches the package lists only where there are none or they are too old. */
export async function installPackages(packages: readonly string[], context: StepContext): Promise<void> {
  const { log } = context;
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  // dpkg must not be cut off by our death; a user's unattended upgrade may hold its lock for a while.
  const apt = (...args: string[]): Promise<string> =>
    runTool("apt-get", ["-o", "DPkg::Lock::Timeout=300", ...args], { log, env, life: "outlives-us" });
  // Here only after a power cut or an out-of-memory kill: apt refuses to work until it is done.
  if (readdirSync("/var/lib/dpkg/updates").length > 0)
    await runTool("dpkg", ["--configure", "-a"], { log, env, life: "outlives-us" });
  const wanted = ["install", "--yes", "--no-install-recommends", ...packages];
  const lists = existsSync("/var/lib/apt/lists")
    ? readdirSync("/var/lib/apt/lists").filter((name) => name.endsWith("_Packages") || name.includes("_Packages."))
    : [];
  if (lists.length > 0) {
    try {
      return void (await apt(...wanted));
    } catch {
      context.say("the package lists may be out of date, fetching them");
    }
  }
  await apt("update");
  await apt(...wanted);
}
