import { statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { run } from "../processes/run.ts";

/** Several servers may ask for a free loop device at the same instant, and only one gets it. */
const ATTACH_ATTEMPTS = 10;

/** What is mounted at the path, from the kernel's own list; undefined when nothing is. */
export async function mountedDevice(path: string): Promise<string | undefined> {
  for (const line of (await readFile("/proc/self/mountinfo", "utf8")).split("\n")) {
    const [before, after] = line.split(" - ");
    if (before?.split(" ")[4] === path.replaceAll(" ", "\\040")) return after?.split(" ")[1];
  }
  return undefined;
}

/** Loop devices that hold the file, by its inode: the path may have been moved. */
export async function loopDevicesOf(file: string): Promise<string[]> {
  const { stdout } = await run("losetup", ["--list", "--json", "--output", "NAME,BACK-INO,BACK-MAJ:MIN"]);
  if (stdout.trim() === "") return [];
  const { ino, dev } = statSync(file);
  const majorMinor = `${(dev >> 8) & 0xfff}:${(dev & 0xff) | ((dev >> 12) & 0xfff00)}`;
  const devices = (JSON.parse(stdout) as { loopdevices: { name: string; "back-ino": number | string; "back-maj:min": string }[] }).loopdevices;
  return devices
    .filter((device) => Number(device["back-ino"]) === ino && device["back-maj:min"].trim() === majorMinor)
    .map((device) => device.name);
}

export async function attachLoop(file: string): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    try {
      const { stdout } = await run("losetup", ["--find", "--show", "--direct-io=off", "--", file]);
      return stdout.trim();
    } catch (error) {
      if (attempt >= ATTACH_ATTEMPTS) throw error;
    }
  }
}

export async function detachLoop(device: string): Promise<void> {
  await run("losetup", ["--detach", device]);
}
