import { chmodSync, chownSync, cpSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runTool } from "../../tools/run-tool.ts";

/** Turns a bare Debian into a place to work in: user, Node, Python's names, files that the guest agent expects. */
export async function furnish(options: {
  root: string;
  node: string;
  npm: string;
  log: (text: string) => void;
}): Promise<void> {
  const { root, log } = options;
  await addUser(root, log);
  installNode(options);
  symlinkSync("/usr/bin/python3", join(root, "usr/local/bin/python"));
  writeFileSync(join(root, "etc/pip.conf"), "[global]\nbreak-system-packages = true\nroot-user-action = ignore\n");
  mkdirSync(join(root, "workspace"));
  chownSync(join(root, "workspace"), 1000, 1000);
  writePlaceholders(root);
  forgetBuild(root);
}

async function addUser(root: string, log: (text: string) => void): Promise<void> {
  await runTool(
    "chroot",
    [root, "/usr/sbin/useradd", "--uid", "1000", "--create-home", "--shell", "/bin/bash", "user"],
    { log },
  );
  const sudoers = join(root, "etc/sudoers.d/user");
  writeFileSync(sudoers, "user ALL=(ALL) NOPASSWD:ALL\n");
  chmodSync(sudoers, 0o440);
}

function installNode(options: { root: string; node: string; npm: string }): void {
  const local = join(options.root, "usr/local");
  const modules = join(local, "lib/node_modules");
  mkdirSync(modules, { recursive: true });
  mkdirSync(join(local, "etc"), { recursive: true });
  cpSync(join(options.node, "bin/node"), join(local, "bin/node"), { preserveTimestamps: true });
  chmodSync(join(local, "bin/node"), 0o755);
  cpSync(options.npm, join(modules, "npm"), { recursive: true, preserveTimestamps: true });
  symlinkSync("../lib/node_modules/npm/bin/npm-cli.js", join(local, "bin/npm"));
  symlinkSync("../lib/node_modules/npm/bin/npx-cli.js", join(local, "bin/npx"));
  for (const name of ["npm-cli.js", "npx-cli.js"]) chmodSync(join(modules, "npm/bin", name), 0o755);
  writeFileSync(join(local, "etc/npmrc"), "update-notifier=false\nfund=false\n");
}

/** The guest agent lays files of its own over hostname, machine-id and resolv.conf; these must exist to be laid over. */
function writePlaceholders(root: string): void {
  rmSync(join(root, "etc/resolv.conf"), { force: true });
  writeFileSync(join(root, "etc/resolv.conf"), "");
  writeFileSync(join(root, "etc/hostname"), "sandbox\n");
  writeFileSync(
    join(root, "etc/hosts"),
    "127.0.0.1 localhost\n127.0.1.1 sandbox\n::1 localhost ip6-localhost ip6-loopback\n",
  );
  writeFileSync(join(root, "etc/machine-id"), "");
  writeFileSync(join(root, "etc/environment"), "LANG=C.UTF-8\n");
}

/** What a build leaves and no sandbox needs; also what would differ from one build to the next. */
function forgetBuild(root: string): void {
  const rubbish = [
    "var/lib/apt/lists",
    "var/cache/apt/archives",
    "var/cache/ldconfig/aux-cache",
    "var/log/apt",
    "var/log/dpkg.log",
    "var/log/bootstrap.log",
    "var/log/alternatives.log",
    "etc/passwd-",
    "etc/shadow-",
    "etc/group-",
    "etc/gshadow-",
  ];
  for (const path of rubbish) rmSync(join(root, path), { recursive: true, force: true });
  for (const path of ["var/lib/apt/lists/partial", "var/cache/apt/archives/partial"])
    mkdirSync(join(root, path), { recursive: true });
}
