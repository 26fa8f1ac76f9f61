import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Cache, Entry, Outcome } from "../cache/cache.ts";
import { hashParts } from "../cache/hash.ts";
import { type CpioEntry, writeCpio } from "./cpio.ts";
import type { AgentEntry } from "./guest-agent.ts";
import { agentBinaryOf } from "./guest-agent.ts";
import { type MachineEntry, modulesOf } from "./machine.ts";
import { MODULE_LIST } from "./modules.ts";

/** The initial root of every guest: the guest agent as /init, and the modules it loads to see its disk. */
export type InitrdEntry = Entry<Outcome>;

const KIND = "initrd";
const RECIPE_VERSION = "2";

export const initrdOf = (entry: InitrdEntry): string => join(entry.path, "initrd.cpio");

const recipe = (machine: MachineEntry, agent: AgentEntry): string =>
  hashParts(RECIPE_VERSION, machine.kernelKey, agent.key);

export function findInitrd(cache: Cache, machine: MachineEntry, agent: AgentEntry): InitrdEntry | undefined {
  return cache.find(KIND, recipe(machine, agent));
}

export function obtainInitrd(cache: Cache, machine: MachineEntry, agent: AgentEntry): Promise<InitrdEntry> {
  return cache.obtain(KIND, recipe(machine, agent), async (folder) => {
    const archive = padForFirmware(writeCpio(initrdEntries(readFileSync(agentBinaryOf(agent)), modulesOf(machine))));
    // Not compressed: an emulated CPU takes longer to unpack it than the host to read it.
    writeFileSync(join(folder, "initrd.cpio"), archive, { mode: 0o644, flush: true });
    return { key: hashParts(archive) };
  });
}

/**
 * QEMU's microvm puts the initrd's first byte on a page boundary so that it ends in the last page of memory, where the firmware
 * has put the ACPI tables a moment before: an initrd that fills that page destroys them, and the guest finds no devices or
 * hangs. Zeros after the archive are legal, so the end is moved to the first bytes of a page.
 */
function padForFirmware(archive: Buffer): Buffer {
  const PAGE = 4096;
  return Buffer.concat([archive, Buffer.alloc(PAGE - (archive.length % PAGE) + 4)]);
}

function initrdEntries(agent: Buffer, modules: string): CpioEntry[] {
  const names = readFileSync(join(modules, MODULE_LIST), "utf8")
    .split("\n")
    .filter((name) => name !== "");
  const folder = (path: string): CpioEntry => ({ kind: "folder", path, mode: 0o755 });
  return [
    folder("dev"),
    // The kernel opens the console for /init before anything has mounted devtmpfs.
    { kind: "device", path: "dev/console", mode: 0o600, major: 5, minor: 1 },
    { kind: "device", path: "dev/null", mode: 0o666, major: 1, minor: 3 },
    folder("proc"),
    folder("sys"),
    folder("run"),
    folder("tmp"),
    folder("root"),
    folder("newroot"),
    folder("modules"),
    ...names.map((name): CpioEntry => ({
      kind: "file",
      path: `modules/${name}`,
      mode: 0o644,
      content: readFileSync(join(modules, name)),
    })),
    {
      kind: "file",
      path: "modules.list",
      mode: 0o644,
      content: Buffer.from(names.map((name) => `/modules/${name}\n`).join("")),
    },
    { kind: "file", path: "init", mode: 0o755, content: agent },
  ];
}
