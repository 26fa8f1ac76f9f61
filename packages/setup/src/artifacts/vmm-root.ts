import { chmodSync, cpSync, existsSync, mkdirSync, realpathSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { runTool } from "../tools/run-tool.ts";

/**
 * The jail's read-only root: these programs, the libraries they load, this firmware, and nothing else. What is not in it can't
 * be used by someone who breaks out of a guest.
 *
 * `qemu-system-x86_64-microvm` starts in half the time but knows KVM only; the full one is needed for emulation.
 */
export const VMM_PROGRAMS = [
  "/usr/bin/qemu-system-x86_64",
  "/usr/bin/qemu-system-x86_64-microvm",
  "/usr/bin/setpriv",
] as const;

/** What `-M microvm` reads: its BIOS and the option ROMs that start a kernel given with `-kernel`. */
export const VMM_FILES = [
  "/usr/share/seabios/bios-microvm.bin",
  "/usr/share/qemu/pvh.bin",
  "/usr/share/qemu/linuxboot_dma.bin",
  "/usr/share/qemu/kvmvapic.bin",
];

const LOADER = "/usr/lib64/ld-linux-x86-64.so.2";

/** Places that bwrap mounts something on. The root is read-only then, so they must be there. */
const MOUNT_POINTS = ["dev", "proc", "run", "tmp", "vm"];

/** Copies a VMM root out of an unpacked distribution. Returns the VMM's version. */
export async function buildVmmRoot(options: {
  tree: string;
  target: string;
  log: (text: string) => void;
}): Promise<string> {
  const { tree, target, log } = options;
  for (const name of ["usr/bin", "usr/lib", "usr/lib64", "usr/sbin", "etc", ...MOUNT_POINTS])
    mkdirSync(join(target, name), { recursive: true });
  for (const name of ["bin", "lib", "lib64", "sbin"]) symlinkSync(`usr/${name}`, join(target, name));
  await runTool("ldconfig", ["-r", tree], { log, life: "plain" });
  const files = new Set<string>([...VMM_PROGRAMS, ...VMM_FILES, LOADER]);
  for (const program of VMM_PROGRAMS) for (const library of await librariesOf(tree, program)) files.add(library);
  for (const file of files) copyOut(tree, target, file);
  await runTool("ldconfig", ["-r", target], { log, life: "plain" });
  const said = await runTool("chroot", [target, VMM_PROGRAMS[0], "-version"], { log });
  return /version (\S+)/.exec(said)?.[1] ?? "unknown";
}

/** Asks the tree's own dynamic loader, so that the host's libraries don't matter. */
async function librariesOf(tree: string, program: string): Promise<string[]> {
  const listing = await runTool("chroot", [tree, LOADER, "--list", program]);
  return [...listing.matchAll(/(?:=> )(\/\S+) \(0x/g)].map((match) => match[1] as string);
}

/** Copies the file under the name it is asked by; links on the way are followed inside the tree. */
function copyOut(tree: string, target: string, file: string): void {
  const source = realpathSync(join(tree, file));
  if (!source.startsWith(`${realpathSync(tree)}/`)) throw new Error(`${file} leads out of the unpacked tree`);
  const to = join(target, file);
  mkdirSync(dirname(to), { recursive: true });
  if (!existsSync(to)) cpSync(source, to);
  // No setuid bit comes along, whatever the package says.
  chmodSync(to, 0o755);
}
