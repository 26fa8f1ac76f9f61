import { existsSync, readFileSync, readdirSync } from "node:fs";
import { freemem, release, totalmem } from "node:os";
import { join } from "node:path";
import { hostBootId } from "../../../../host-agent/src/files/host-boot.ts";
import { featuresOf, whyUnusable } from "../../../../host-agent/src/runtimes/gvisor/features.ts";
import { type Distribution, isSupported, readDistribution } from "../../host/distribution.ts";
import { findProgram, missingPrograms, NEEDED_PROGRAMS } from "../../host/programs.ts";
import { type Finding, gib, note, ok, problem } from "./finding.ts";

/** Below this not even a handful of sandboxes has room beside the platform. */
const LITTLE_MEMORY_BYTES = 2 * 1024 ** 3;

export function examineSystem(
  platform: string = process.platform,
  arch: string = process.arch,
  distribution: Distribution = readDistribution(),
): Finding {
  if (platform !== "linux" || arch !== "x64")
    return problem(
      "system",
      `${platform} on ${arch}`,
      "A server needs Linux on x86-64; the command line runs anywhere.",
    );
  const says = `${distribution.title}, Linux ${release()}, Node ${process.versions.node}`;
  return isSupported(distribution)
    ? ok("system", says)
    : note("system", says, "Packages are installed by themselves on Debian 12 and 13 and Ubuntu 24.04 only.");
}

export function examinePrograms(missing: readonly string[] = missingPrograms()): Finding {
  if (missing.length === 0) return ok("programs", `all of ${Object.keys(NEEDED_PROGRAMS).length} are there`);
  const packages = [...new Set(missing.map((program) => NEEDED_PROGRAMS[program] ?? program))];
  return problem(
    "programs",
    `missing: ${missing.join(", ")}`,
    `\`npm start\` installs them; or: apt-get install ${packages.join(" ")}`,
  );
}

export interface KvmFacts {
  readonly hasDevice: boolean;
  /** Flags of the processor: `vmx` or `svm` where it can. */
  readonly canVirtualise: boolean;
  /** What a server has found out by booting a guest, since this host was started. */
  readonly probed: { readonly works: boolean; readonly reason: string } | undefined;
}

export function lookAtKvm(cacheDir: string): KvmFacts {
  return {
    hasDevice: existsSync("/dev/kvm"),
    canVirtualise: /^flags\s*:.*\b(vmx|svm)\b/m.test(readFileSync("/proc/cpuinfo", "utf8")),
    probed: readProbe(join(cacheDir, "kvm-probe.json")),
  };
}

function readProbe(path: string): KvmFacts["probed"] {
  try {
    const { key, verdict } = JSON.parse(readFileSync(path, "utf8")) as { key: string; verdict: KvmFacts["probed"] };
    return key.startsWith(`${hostBootId()} `) ? verdict : undefined;
  } catch {
    // No server has asked yet.
    return undefined;
  }
}

export function examineKvm({ hasDevice, canVirtualise, probed }: KvmFacts): Finding {
  const emulated = "Without it the same machines are emulated: slower inside, and no security boundary.";
  if (!hasDevice)
    return note(
      "kvm",
      "there is no /dev/kvm",
      canVirtualise
        ? `${emulated} modprobe kvm_intel (or kvm_amd)`
        : `${emulated} Switch virtualisation on in the firmware; in a virtual machine, ask for nested virtualisation.`,
    );
  if (probed === undefined)
    return note("kvm", "/dev/kvm is there; no guest was booted on it yet", "The first start tries it.");
  if (probed.works) return ok("kvm", `works: ${probed.reason}`);
  return note(
    "kvm",
    `/dev/kvm is there and does not work: ${probed.reason}`,
    `${emulated} Nested hosts often have such a KVM.`,
  );
}

/** runsc, from the host or from set-up's cache. */
export function examineGvisor(cacheDir: string, fromPath: string | undefined = findProgram("runsc")): Finding {
  const cached = join(cacheDir, "runsc");
  const builds = (existsSync(cached) ? readdirSync(cached) : []).filter((name) =>
    existsSync(join(cached, name, "runsc")),
  );
  const usable = builds.filter((name) => whyUnusable(featuresOf(join(cached, name, "runsc"))) === undefined);
  if (usable.length > 0) return ok("gvisor", `runsc is in the cache (${usable.join(", ")})`);
  const tooOld = builds[0] === undefined ? fromPath : join(cached, builds[0], "runsc");
  const why = tooOld === undefined ? undefined : whyUnusable(featuresOf(tooOld));
  if (why !== undefined)
    return note("gvisor", `${tooOld} is too old: ${why}`, "Set-up builds one where it finds Go or can fetch it.");
  if (fromPath !== undefined) return ok("gvisor", `runsc is ${fromPath}`);
  return note("gvisor", "runsc is not there", "Set-up fetches it where the gVisor runtime is used.");
}

export function examineMemory(total: number = totalmem(), available: number = availableBytes()): Finding {
  const says = `${gib(available)} of ${gib(total)} are available`;
  if (total < LITTLE_MEMORY_BYTES)
    return problem(
      "memory",
      says,
      "A server wants 2 GiB or more: an idle sandbox takes about 30 MB, one at work up to what its template has.",
    );
  if (available < total * 0.08)
    return note("memory", says, "Hibernate or delete sandboxes, or lower PANDASTACK_MEM_OVERCOMMIT.");
  return ok("memory", says);
}

function availableBytes(): number {
  const match = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync("/proc/meminfo", "utf8"));
  return match === null ? freemem() : Number(match[1]) * 1024;
}
