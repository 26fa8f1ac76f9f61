import { mkdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { crashPoint, newHexId } from "@pandastack/platform";
import { run } from "../processes/run.ts";
import { ARCHIVE_LIMIT_BYTES } from "./root-archive.ts";

const WRITE_TIMEOUT_MS = 900_000;
/**
 * No file that unpacking or writing makes may seem larger: a few bytes of an archive describe a file with terabytes of holes,
 * and an EROFS image would have all of them. As much as the archive may have.
 */
const FILE_LIMIT_BYTES = ARCHIVE_LIMIT_BYTES;
const limited = (argv: readonly string[]): string[] => [`--fsize=${FILE_LIMIT_BYTES}`, "--", ...argv];

/**
 * What comes out of a sandbox is nobody's friend: it is unpacked where there is nothing to reach but the folder for it, and with
 * no right but that of giving files to users. What the guest agent expects to find is put in its place.
 */
const UNPACK = `set -euo pipefail
# Who writes a file that is too large hears about it instead of dying.
trap '' XFSZ
zstd --decompress --stdout --quiet /archive | LC_ALL=C tar --extract --directory=/tree --same-owner --numeric-owner --preserve-permissions 2>/said || { cat /said >&2; exit 1; }
# Of a file that ends with a hole beyond what is allowed it only warns, and makes a shorter one.
if grep --quiet 'Cannot truncate' /said; then cat /said >&2; exit 1; fi
cd /tree
for folder in proc sys dev run tmp mnt etc; do test -d $folder || mkdir $folder; done
chmod 1777 tmp
for file in resolv.conf machine-id; do rm -f etc/$file; : > etc/$file; done
rm -f etc/hostname; echo sandbox > etc/hostname
if test -e /agent; then
  rm -rf usr/lib/pandastack; mkdir -p usr/lib/pandastack
  cp /agent usr/lib/pandastack/guest-agent; chmod 0755 usr/lib/pandastack/guest-agent
fi`;

const CAPABILITIES = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "SETFCAP"];

/** Writes an archive into an image for one kind of machine. What is half written when this dies has a name that says so. */
export async function writeRootImage(options: {
  archive: string;
  image: string;
  kind: "ext4" | "erofs";
  diskMb: number;
  key: string;
  /** Goes into it, where there is no initial root to bring it. */
  agent?: string | undefined;
}): Promise<void> {
  const work = `${options.image}.work-${process.pid}-${newHexId(4)}`;
  const tree = join(work, "tree");
  // The tree holds setuid programs: nobody else may walk in.
  mkdirSync(tree, { recursive: true, mode: 0o700 });
  try {
    await unpack({ archive: options.archive, tree, agent: options.agent });
    crashPoint("host.root.unpacked");
    await (options.kind === "erofs" ? writeErofs : writeExt4)({ ...options, tree });
    crashPoint("host.root.imaged");
  } finally {
    await run("rm", ["-rf", "--one-file-system", "--", work], { timeoutMs: WRITE_TIMEOUT_MS });
  }
}

async function unpack({ archive, tree, agent }: { archive: string; tree: string; agent: string | undefined }) {
  const jail = [
    "--unshare-ipc",
    "--unshare-pid",
    "--unshare-net",
    "--unshare-uts",
    "--die-with-parent",
    "--new-session",
  ];
  const links = ["bin", "sbin", "lib", "lib64"].flatMap((name) => ["--symlink", `usr/${name}`, `/${name}`]);
  const binds = ["--ro-bind", "/usr", "/usr", "--bind", tree, "/tree", "--ro-bind", archive, "/archive"];
  const rights = ["--cap-drop", "ALL", ...CAPABILITIES.flatMap((name) => ["--cap-add", `CAP_${name}`])];
  const withAgent = agent === undefined ? [] : ["--ro-bind", agent, "/agent"];
  const argv = [...jail, ...links, ...binds, ...withAgent, "--dev", "/dev", "--proc", "/proc", ...rights];
  const command = ["bwrap", ...argv, "--", "/bin/bash", "-c", UNPACK];
  await run("prlimit", limited(command), { timeoutMs: WRITE_TIMEOUT_MS });
}

/** Its name says whose it is: what a killed process leaves is told apart, and removed. */
const partOf = (image: string): string => `${image}.part-${process.pid}`;

interface Writing {
  readonly image: string;
  readonly tree: string;
  readonly diskMb: number;
  readonly key: string;
}

/** As set-up writes its own: a journal, since what a guest has fsynced must outlive a killed VMM, and nothing left for later. */
async function writeExt4({ image, tree, diskMb, key }: Writing): Promise<void> {
  const part = partOf(image);
  rmSync(part, { force: true });
  writeFileSync(part, "", { mode: 0o644 });
  truncateSync(part, diskMb * 1024 * 1024);
  const uuid = `${key.slice(0, 8)}-${key.slice(8, 12)}-8${key.slice(13, 16)}-8${key.slice(17, 20)}-${key.slice(20, 32)}`;
  const extended = `lazy_itable_init=0,lazy_journal_init=0,hash_seed=${uuid},root_owner=0:0`;
  const shape = ["-t", "ext4", "-q", "-F", "-m", "0", "-J", "size=32", "-i", "32768", "-E", extended];
  const argv = [...shape, "-L", "root", "-U", uuid, "-d", tree, part];
  await run("mkfs.ext4", argv, { timeoutMs: WRITE_TIMEOUT_MS });
  await run("mv", ["--", part, image]);
}

async function writeErofs({ image, tree }: Writing): Promise<void> {
  const part = partOf(image);
  rmSync(part, { force: true });
  const command = ["mkfs.erofs", "--quiet", "-Enoinline_data", "-x-1", part, tree];
  await run("prlimit", limited(command), { timeoutMs: WRITE_TIMEOUT_MS });
  await run("mv", ["--", part, image]);
}
