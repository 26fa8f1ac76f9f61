import { spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newHexId, waitFor } from "@pandastack/platform";
import { expect, onTestFinished, test } from "vitest";
import { MachineCgroup } from "../../src/cgroups/machine-cgroup.ts";

/** The unified tree, also of a host whose controllers are all in trees of version 1: then without limits. */
const tree = readFileSync("/proc/self/mountinfo", "utf8")
  .split("\n")
  .find((line) => line.includes(" - cgroup2 "))
  ?.split(" ")[4];

test.skipIf(tree === undefined || !isWritable(tree))(
  "in a tree of version 2, a machine is inside before it runs and ends with its group",
  async () => {
    const server = join(tree!, `pandastack_v${newHexId(3)}`);
    const seen = mkdtempSync(join(tmpdir(), "pandastack-cgroup-2-"));
    mkdirSync(server);
    onTestFinished(() => {
      rmdirSync(server);
      rmSync(seen, { recursive: true });
    });
    const folder = join(server, newHexId(6));
    const cgroup = new MachineCgroup([{ version: 2, controllers: [], folder }], "");
    cgroup.make({ cpus: 1, memoryMb: 64 });
    const script = `cat /proc/self/cgroup > ${seen}/of; mv ${seen}/of ${seen}/cgroup; sleep 100 & wait`;
    const [file, ...argv] = cgroup.joining(["/bin/sh", "-c", script]);
    const child = spawn(file!, argv, { stdio: "ignore" });
    await waitFor(() => existsSync(join(seen, "cgroup")) && cgroup.processes().length === 2, {
      timeoutMs: 10_000,
      message: "it did not start",
    });
    expect(readFileSync(join(seen, "cgroup"), "utf8")).toMatch(new RegExp(`^0::.*${folder.slice(tree!.length)}$`, "m"));
    const ended = once(child, "exit");
    await cgroup.remove();
    expect((await ended)[1]).toBe("SIGKILL");
    expect(cgroup.exists).toBe(false);
    await cgroup.remove();
  },
);

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return process.getuid?.() === 0;
  } catch {
    return false;
  }
}
