import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** Program that set-up or the host agent calls → Debian package that has it. */
export const NEEDED_PROGRAMS: Readonly<Record<string, string>> = {
  mmdebstrap: "mmdebstrap",
  bwrap: "bubblewrap",
  "mkfs.xfs": "xfsprogs",
  nft: "nftables",
  ip: "iproute2",
  "mkfs.ext4": "e2fsprogs",
  "mkfs.erofs": "erofs-utils",
  prlimit: "util-linux",
  setpriv: "util-linux",
  unshare: "util-linux",
  losetup: "mount",
  mount: "mount",
  depmod: "kmod",
  xz: "xz-utils",
  zstd: "zstd",
  tar: "tar",
};

export function findProgram(name: string): string | undefined {
  const folders = [
    ...(process.env["PATH"] ?? "").split(delimiter),
    "/usr/local/sbin",
    "/usr/sbin",
    "/sbin",
    "/usr/bin",
    "/bin",
  ];
  return folders
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

export function missingPrograms(): string[] {
  return Object.keys(NEEDED_PROGRAMS).filter((name) => findProgram(name) === undefined);
}
