import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomic } from "@pandastack/platform";
import { hostBootId } from "../../files/host-boot.ts";
import { run } from "../../processes/run.ts";
import { NETNS_DIR } from "../slots/kernel.ts";

/** How the host was before the first server: what the last one puts back. */
interface HostBefore {
  readonly bootId: string;
  readonly ipForward: string;
  /** `ip netns` mounts its folder of names at first use. */
  readonly hadNetnsDir: boolean;
}

const IP_FORWARD = "/proc/sys/net/ipv4/ip_forward";

/** Remembers and changes. Call under the host's lock, at every start: a host that has booted since is remembered anew. */
export function changeHostSettings(runDir: string): void {
  if (readBefore(runDir)?.bootId !== hostBootId()) {
    const before: HostBefore = {
      bootId: hostBootId(),
      ipForward: readFileSync(IP_FORWARD, "utf8").trim(),
      hadNetnsDir: existsSync(NETNS_DIR),
    };
    writeFileAtomic(beforePath(runDir), JSON.stringify(before));
  }
  // Writing it resets every interface's own switch: only when it must be.
  if (readFileSync(IP_FORWARD, "utf8").trim() !== "1") writeFileSync(IP_FORWARD, "1");
}

/** Puts back what the first server found. Call under the host's lock when the last server's record is gone. Repeatable. */
export async function putBackHostSettings(runDir: string): Promise<void> {
  const before = readBefore(runDir);
  if (before && before.bootId === hostBootId()) {
    if (before.ipForward !== readFileSync(IP_FORWARD, "utf8").trim()) writeFileSync(IP_FORWARD, before.ipForward);
    if (!before.hadNetnsDir && existsSync(NETNS_DIR) && readdirSync(NETNS_DIR).length === 0) await removeNetnsDir();
  }
  rmSync(beforePath(runDir), { force: true });
}

/** Undefined when this platform has changed nothing on the host. */
export function readBefore(runDir: string): HostBefore | undefined {
  try {
    return JSON.parse(readFileSync(beforePath(runDir), "utf8")) as HostBefore;
  } catch {
    return undefined;
  }
}

/** Fails, harmlessly, when someone has begun to use it in this very moment. */
async function removeNetnsDir(): Promise<void> {
  try {
    await run("umount", [NETNS_DIR]);
    rmdirSync(NETNS_DIR);
  } catch {
    // In use: then it is not ours to remove.
  }
}

const beforePath = (runDir: string): string => join(runDir, "host-before.json");
