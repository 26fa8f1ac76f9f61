import { execFileSync } from "node:child_process";
import { type Dirent, readdirSync, readFileSync, readlinkSync, statSync, watch } from "node:fs";
import { join } from "node:path";
import { waitFor } from "@pandastack/platform";
import type { Target } from "./target.ts";

/** Virtual machine monitors run as users from here on; nothing else on a host does. */
const FIRST_VMM_UID = 720_000;
/** A deleted sandbox's machine ends in the background. */
const SETTLE_TIMEOUT_MS = 15_000;

/** Kinds in which nothing of another server is counted in the first place. */
const OWN_KINDS = new Set(["processes", "files", "descriptors"]);

/** What is on the host, as lines by kind. Lines that are there afterwards and were not before are left over. */
export type Inventory = Record<string, string[]>;

/** Cheap, for after each case: processes, files, descriptors. */
export function lookOver({ folders, vmmMark }: Pick<Target, "folders" | "vmmMark">): Inventory {
  return {
    processes: vmmMark === undefined ? [] : vmmProcesses(vmmMark),
    files: folders.flatMap(filesIn),
    descriptors: descriptors(),
  };
}

/** Everything that a server may leave on a host. */
export function lookThrough(target: Pick<Target, "folders" | "vmmMark">): Inventory {
  return {
    ...lookOver(target),
    netns: list("/run/netns"),
    links: list("/sys/class/net"),
    rules: rules(),
    mounts: readFileSync("/proc/self/mountinfo", "utf8")
      .split("\n")
      .map((line) => line.split(" ")[4] ?? ""),
    loops: list("/sys/block")
      .filter((name) => name.startsWith("loop"))
      .map(backingFile)
      .filter((file) => file !== ""),
    cgroups: cgroups(),
  };
}

/**
 * Waits until nothing is there that was not before; else says what is. With `marks`, kinds that other servers of the host
 * have a share in count only when they bear one of them.
 */
export async function expectNothingLeft(
  { before, look, marks }: { before: Inventory; look: () => Inventory; marks: readonly string[] },
  what: string,
): Promise<void> {
  const isOurs = (kind: string, line: string): boolean =>
    OWN_KINDS.has(kind) || marks.some((mark) => line.includes(mark));
  let extra: string[] = [];
  await waitFor(
    () => {
      const after = look();
      extra = Object.entries(after).flatMap(([kind, lines]) =>
        added(before[kind] ?? [], lines)
          .filter((line) => isOurs(kind, line))
          .map((line) => `${kind}: ${line}`),
      );
      return extra.length === 0;
    },
    { timeoutMs: SETTLE_TIMEOUT_MS, intervalMs: 20, message: "not settled" },
  ).catch(() => {
    throw new Error(`${what} must leave nothing on the host, but left:\n  ${extra.slice(0, 40).join("\n  ")}`);
  });
}

/** As multisets: two sockets where one was is one too many. */
function added(before: readonly string[], after: readonly string[]): string[] {
  const rest = new Map<string, number>();
  for (const line of before) rest.set(line, (rest.get(line) ?? 0) + 1);
  return after.filter((line) => {
    const left = rest.get(line) ?? 0;
    rest.set(line, left - 1);
    return left <= 0;
  });
}

function vmmProcesses(mark: string): string[] {
  const found: string[] = [];
  for (const pid of list("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const { uid } = statSync(`/proc/${pid}`);
      if (uid < FIRST_VMM_UID) continue;
      const places = ["mountinfo", "cgroup"].map((name) => readFileSync(`/proc/${pid}/${name}`, "utf8"));
      if (!places.some((text) => text.includes(mark))) continue;
      found.push(`a machine: ${readFileSync(`/proc/${pid}/comm`, "utf8").trim()}`);
    } catch {
      // Gone while we looked.
    }
  }
  return found;
}

/**
 * Names of everything below a folder. An empty VMM that waits for the next create is another one after each create, so
 * machines count by number; a slot's folder of device nodes is made once and stays with its uid.
 */
function filesIn(folder: string): string[] {
  return (
    namesBelow(folder)
      .filter((name) => !/^nodes(\/|$)/.test(name))
      // The suite's own sandbox has this one more where a case has it sleep and wakes it.
      .filter((name) => !/^machines\/[0-9a-f]{12}\/for-its-wake$/.test(name))
      .map((name) => join(folder, name.replace(/(?<![0-9a-z])[0-9a-f]{12}(?![0-9a-z])/g, "MACHINE")))
  );
}

/** Folder by folder: one that goes while it is looked at takes nothing of the others along. */
function namesBelow(folder: string, prefix = ""): string[] {
  let entries: Dirent[];
  try {
    entries = readdirSync(join(folder, prefix), { withFileTypes: true });
  } catch {
    return [];
  }
  return entries.flatMap((entry) => {
    const name = join(prefix, entry.name);
    return entry.isDirectory() ? [name, ...namesBelow(folder, name)] : [name];
  });
}

function descriptors(): string[] {
  const found: string[] = [];
  // Node opens one descriptor for all files that a process ever watches, at the first one, and keeps it: so it is there at each look.
  watch("/", { persistent: false }).close();
  for (const fd of list("/proc/self/fd")) {
    try {
      found.push(
        readlinkSync(`/proc/self/fd/${fd}`)
          .replace(/:\[\d+\]$/, "")
          .replace(/\/proc\/\d+\/fd$/, "/proc/self/fd"),
      );
    } catch {
      // The descriptor of the listing itself.
    }
  }
  return found;
}

function rules(): string[] {
  try {
    // Counters count on; a rule is the same rule.
    const text = execFileSync("nft", ["list", "ruleset"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    return text
      .split("\n")
      .map((line) => line.trim().replace(/packets \d+ bytes \d+/, ""))
      .filter((line) => line !== "" && line !== "}");
  } catch {
    return [];
  }
}

function cgroups(): string[] {
  try {
    return execFileSync("find", ["/sys/fs/cgroup", "-type", "d", "-path", "*pandastack*"], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    })
      .split("\n")
      .filter(Boolean);
  } catch {
    return [];
  }
}

function backingFile(name: string): string {
  try {
    return `${name}: ${readFileSync(`/sys/block/${name}/loop/backing_file`, "utf8").trim()}`;
  } catch {
    return "";
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
