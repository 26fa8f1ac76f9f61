import { existsSync } from "node:fs";
import { readdirSync } from "node:fs";
import type { Step, StepContext } from "../steps/step.ts";
import { runTool } from "../tools/run-tool.ts";
import { findCargo } from "./cargo.ts";
import { type Distribution, isSupported, readDistribution } from "./distribution.ts";
import { missingPrograms, NEEDED_PROGRAMS } from "./programs.ts";

/** Programs from the distribution. Nothing that is there is touched, and nothing is upgraded. */
export function systemPackages(distribution: Distribution = readDistribution()): Step {
  return {
    name: "system packages",
    needs: [],
    isDone: async () => (await missing(distribution)).length === 0,
    run: async (context) => {
      const packages = await missing(distribution);
      if (!isSupported(distribution)) throw new Error(whatToInstall(distribution));
      context.say(`installing ${packages.join(" ")}`);
      await install(packages, context);
      const still = missingPrograms();
      if (still.length > 0) throw new Error(`still not there after the installation: ${still.join(", ")}`);
      await findCargo();
    },
  };
}

/** Packages that the missing programs are in. */
async function missing(distribution: Distribution): Promise<string[]> {
  const packages = missingPrograms().map((program) => NEEDED_PROGRAMS[program] as string);
  const isThere = (path: string): boolean => existsSync(path);
  if (!isThere("/etc/ssl/certs/ca-certificates.crt") && isSupported(distribution)) packages.push("ca-certificates");
  // Guests are Debian: its keys are what their packages are checked with.
  if (!isThere("/usr/share/keyrings/debian-archive-keyring.gpg") && isSupported(distribution))
    packages.push("debian-archive-keyring");
  packages.push(...(await missingForRust(distribution)));
  return [...new Set(packages)];
}

async function missingForRust(distribution: Distribution): Promise<string[]> {
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

async function install(packages: readonly string[], context: StepContext): Promise<void> {
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

function whatToInstall(distribution: Distribution): string {
  const rows = Object.entries(NEEDED_PROGRAMS).map(
    ([program, name]) => `      ${program.padEnd(12)} Debian has it in ${name}`,
  );
  return [
    `${distribution.title} is not one that PandaStack installs packages on (Debian 12 and 13, Ubuntu 24.04).`,
    "    Please install these programs yourself and start again:",
    ...rows,
    "      cargo        1.85 or newer, with gcc and the static C library (libc.a; glibc-static on Fedora)",
    "    and /usr/share/keyrings/debian-archive-keyring.gpg (debian-archive-keyring): guests are Debian.",
  ].join("\n");
}
