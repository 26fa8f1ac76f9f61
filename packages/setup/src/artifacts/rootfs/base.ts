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
    // Build tools: C and C++, make, headers for Python's and Node's own extensions.
    "g++",
    "git",
    "iproute2",
    "less",
    "libc6-dev",
    // A name for every sandbox's own host name: sudo and Java look it up.
    "libnss-myhostname",
    "login",
    "make",
    "openssh-client",
    "passwd",
    "pkgconf",
    "procps",
    "python3",
    "python3-dev",
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
    // What only programs with a Python or a Perl inside of them are linked with.
    "/usr/lib/python3*/config-*/libpython*.a",
    "/usr/lib/x86_64-linux-gnu/perl/*/CORE/*.h",
    // Of Git: what serves repositories to others' shells, mail and DAV; 2 MB each.
    "/usr/bin/scalar",
    "/usr/bin/git-shell",
    "/usr/lib/git-core/scalar",
    "/usr/lib/git-core/git-shell",
    "/usr/lib/git-core/git-imap-send",
    "/usr/lib/git-core/git-http-push",
    // Of GCC and binutils: optimisation at link time, profiles, and sanitizers other than those for addresses and undefined behaviour.
    "/usr/bin/*-lto-dump-*",
    "/usr/bin/*gprofng*",
    "/usr/bin/gp-*",
    "/usr/lib/x86_64-linux-gnu/libgprofng.so*",
    "/usr/libexec/gcc/x86_64-linux-gnu/*/lto1",
    "/usr/lib/gcc/x86_64-linux-gnu/*/lib*san.a",
    "/usr/lib/x86_64-linux-gnu/libtsan.so*",
    "/usr/lib/x86_64-linux-gnu/libhwasan.so*",
    "/usr/lib/x86_64-linux-gnu/liblsan.so*",
  ],
  /** Licences stay. */
  included: ["/usr/share/doc/*/copyright"],
} as const;
