import type { Distribution } from "./distribution.ts";
import { NEEDED_PROGRAMS } from "./programs.ts";

/** For distributions that set-up installs nothing on. */
export function whatToInstall(distribution: Distribution): string {
  const rows = Object.entries(NEEDED_PROGRAMS).map(
    ([program, name]) => `      ${program.padEnd(12)} Debian has it in ${name}`,
  );
  return [
    `${distribution.title} is not one that PandaStack installs packages on (Debian 12 and 13, Ubuntu 24.04).`,
    "    Please install these programs yourself and start again:",
    ...rows,
    "      cargo        1.85 or newer, with gcc and the static C library (libc.a; glibc-static on Fedora)",
    "      python3      with pip: Go for guests comes from PyPI",
    "    and /usr/share/keyrings/debian-archive-keyring.gpg (debian-archive-keyring): guests are Debian.",
  ].join("\n");
}
