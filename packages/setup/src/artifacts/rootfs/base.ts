/** What the template `base` is made of. */
export const BASE = {
  name: "base",
  /** Size of the disk as the guest sees it; the image file is sparse. */
  diskMb: 8192,
  packages: [
    "bash",
    "ca-certificates",
    "coreutils",
    "curl",
    "git",
    "iproute2",
    "less",
    // A name for every sandbox's own host name: sudo and Java look it up.
    "libnss-myhostname",
    "login",
    "openssh-client",
    "passwd",
    "procps",
    "python3",
    "python3-pip",
    "python3-venv",
    "sudo",
    "unzip",
    "util-linux",
    "xz-utils",
  ],
  /** Left out of every package: nobody reads manuals in a sandbox, and each megabyte is copied at every bake. */
  excluded: [
    "/usr/share/man/*",
    "/usr/share/doc/*",
    "/usr/share/info/*",
    "/usr/share/locale/*",
    "/usr/lib/python3*/EXTERNALLY-MANAGED",
  ],
  /** Licences stay. */
  included: ["/usr/share/doc/*/copyright"],
} as const;
