import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { run } from "../processes/run.ts";

/** Runs a tool that has the image's lock for as long as it lives, also after we were killed. */
export async function runWithImage(image: string, file: string, args: readonly string[]): Promise<string> {
  return (await run("flock", ["--exclusive", image, file, ...args])).stdout;
}

/** Waits for what a killed opener has left at work: it might attach or mount the image a second time. */
export async function waitForTools(image: string): Promise<void> {
  if (existsSync(image)) await runWithImage(image, "true", []);
}

/** Loop devices over this very file (by device and inode: the path may have been reached in another way). */
export async function loopDevicesOf(image: string): Promise<string[]> {
  if (!existsSync(image)) return [];
  const { stdout } = await run("losetup", ["--noheadings", "--output", "NAME", "--associated", image]);
  return stdout
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

/**
 * Looks once more with the lock: a killed opener may have left a shell that gets it only now. --find takes a free device and
 * attaches it in one go, trying the next when another process was quicker.
 */
const ATTACH =
  'losetup --noheadings --output NAME --associated "$1" | grep . || exec losetup --find --show --direct-io="$2" "$1"';

/**
 * A loop device over the image: the one that is there, or a new one. Direct I/O where the file system below can do it, else
 * every page of the pool would be in memory twice.
 */
export async function attachLoop(image: string): Promise<string> {
  const [existing] = await loopDevicesOf(image);
  if (existing !== undefined) return existing;
  await ensureNode();
  const attach = async (direct: string): Promise<string> => {
    const [device = ""] = (await runWithImage(image, "sh", ["-c", ATTACH, "sh", image, direct])).trim().split("\n");
    return device.trim();
  };
  return attach("on").catch(() => attach("off"));
}

export async function detachLoop(device: string): Promise<void> {
  await run("losetup", ["--detach", device]);
}

/** Where /dev is no devtmpfs (in some containers), the kernel's next device has no node until someone makes it. */
async function ensureNode(): Promise<void> {
  const { stdout } = await run("losetup", ["--find"]);
  const device = stdout.trim();
  if (existsSync(device)) return;
  const number = readFileSync(`/sys/block/${device.replace("/dev/", "")}/dev`, "utf8")
    .trim()
    .split(":");
  await run("mknod", ["--mode=660", device, "b", number[0] ?? "", number[1] ?? ""]);
}

/** Backing file of a loop device as the kernel knows it; undefined when it is not attached. */
export function backingFileOf(device: string): string | undefined {
  const file = `/sys/block/${device.replace("/dev/", "")}/loop/backing_file`;
  return existsSync(file) ? readFileSync(file, "utf8").trim() : undefined;
}

/** Pids that keep something open on the mounted device, or stand in it: why it can't be unmounted. */
export function usersOf(dir: string): { pid: number; command: string }[] {
  const device = statSync(dir).dev;
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => ["cwd", "root", ...openFiles(pid)].some((link) => deviceOf(`/proc/${pid}/${link}`) === device))
    .map((pid) => ({ pid: Number(pid), command: commandOf(pid) }));
}

function openFiles(pid: string): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => `fd/${fd}`);
  } catch {
    return [];
  }
}

/** Undefined for what has gone, and for what even root may not look into. */
function deviceOf(path: string): number | undefined {
  try {
    return statSync(path).dev;
  } catch {
    return undefined;
  }
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim().slice(0, 80);
  } catch {
    return "";
  }
}
