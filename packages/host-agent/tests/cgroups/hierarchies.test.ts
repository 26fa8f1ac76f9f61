import { expect, test } from "vitest";
import { findHierarchies } from "../../src/cgroups/hierarchies.ts";
import { machineSettings, memoryLimitBytes } from "../../src/cgroups/limits.ts";

const none = (): string[] => [];
const line = (mount: string, type: string, options: string): string =>
  `36 25 0:30 / ${mount} rw,nosuid,nodev,noexec,relatime shared:9 - ${type} ${type} rw,${options}`;

test("the unified tree of version 2 has what its root says", () => {
  const found = findHierarchies(line("/sys/fs/cgroup", "cgroup2", "nsdelegate"), (mount) => {
    expect(mount).toBe("/sys/fs/cgroup");
    return ["cpuset", "cpu", "io", "memory", "hugetlb", "pids"];
  });
  expect(found).toEqual([{ version: 2, mount: "/sys/fs/cgroup", controllers: ["cpu", "memory", "pids", "io"] }]);
});

test("version 1 has a tree for each mount, alone or together, and those without a controller of ours don't count", () => {
  const text = [
    line("/sys/fs/cgroup/systemd", "cgroup", "xattr,name=systemd"),
    line("/sys/fs/cgroup/cpu,cpuacct", "cgroup", "cpu,cpuacct"),
    line("/sys/fs/cgroup/memory", "cgroup", "memory"),
    line("/sys/fs/cgroup/blkio", "cgroup", "blkio"),
    line("/sys/fs/cgroup/unified", "cgroup2", "nsdelegate"),
    line("/proc", "proc", "cpu"),
  ].join("\n");
  expect(findHierarchies(text, none)).toEqual([
    { version: 1, mount: "/sys/fs/cgroup/cpu,cpuacct", controllers: ["cpu"] },
    { version: 1, mount: "/sys/fs/cgroup/memory", controllers: ["memory"] },
    { version: 1, mount: "/sys/fs/cgroup/blkio", controllers: ["io"] },
  ]);
});

test("on hybrid hosts each controller is taken from the tree that has it, and once", () => {
  const text = [
    line("/sys/fs/cgroup/memory", "cgroup", "memory"),
    line("/mnt/memory-again", "cgroup", "memory"),
    line("/sys/fs/cgroup/unified", "cgroup2", ""),
  ].join("\n");
  expect(findHierarchies(text, () => ["cpu", "memory", "pids"])).toEqual([
    { version: 1, mount: "/sys/fs/cgroup/memory", controllers: ["memory"] },
    { version: 2, mount: "/sys/fs/cgroup/unified", controllers: ["cpu", "pids"] },
  ]);
});

test("a machine's limits are those of its size, in both versions", () => {
  const size = { cpus: 2, memoryMb: 512 };
  expect(memoryLimitBytes(size)).toBe((512 + 384) * 1024 * 1024);
  const settings = (version: 1 | 2) =>
    Object.fromEntries(
      (["cpu", "memory", "pids", "io"] as const)
        .flatMap((controller) => machineSettings(version, controller, size, "7:3"))
        .map(({ file, value }) => [file, value]),
    );
  expect(settings(2)).toMatchObject({
    "cpu.max": "250000 100000",
    "cpu.weight": "200",
    "memory.max": "939524096",
    "memory.oom.group": "1",
    "pids.max": "256",
  });
  expect(settings(2)["io.max"]).toMatch(/^7:3 rbps=\d+ wbps=\d+ riops=\d+ wiops=\d+$/);
  expect(settings(1)).toMatchObject({
    "cpu.cfs_quota_us": "250000",
    "cpu.cfs_period_us": "100000",
    "memory.limit_in_bytes": "939524096",
    "pids.max": "256",
  });
  expect(settings(1)["blkio.throttle.write_bps_device"]).toMatch(/^7:3 \d+$/);
});
