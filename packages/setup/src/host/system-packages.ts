import { existsSync } from "node:fs";
import type { Step } from "../steps/step.ts";
import { installPackages } from "./apt.ts";
import { type Distribution, isSupported, readDistribution } from "./distribution.ts";
import { missingPrograms, NEEDED_PROGRAMS } from "./programs.ts";
import { whatToInstall } from "./what-to-install.ts";

/** Programs from the distribution. Nothing that is there is touched, and nothing is upgraded. */
export function systemPackages(distribution: Distribution = readDistribution()): Step {
  return {
    name: "system packages",
    needs: [],
    isDone: () => missing(distribution).length === 0,
    run: async (context) => {
      const packages = missing(distribution);
      if (!isSupported(distribution)) throw new Error(whatToInstall(distribution));
      context.say(`installing ${packages.join(" ")}`);
      await installPackages(packages, context);
      const still = missingPrograms();
      if (still.length > 0) throw new Error(`still not there after the installation: ${still.join(", ")}`);
    },
  };
}

/** Packages that the missing programs are in. */
function missing(distribution: Distribution): string[] {
  const packages = missingPrograms().map((program) => NEEDED_PROGRAMS[program] as string);
  const isThere = (path: string): boolean => existsSync(path);
  if (!isThere("/etc/ssl/certs/ca-certificates.crt") && isSupported(distribution)) packages.push("ca-certificates");
  // Guests are Debian: its keys are what their packages are checked with.
  if (!isThere("/usr/share/keyrings/debian-archive-keyring.gpg") && isSupported(distribution))
    packages.push("debian-archive-keyring");
  return [...new Set(packages)];
}
