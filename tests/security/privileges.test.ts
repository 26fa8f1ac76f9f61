import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { waitFor } from "@pandastack/platform";
import { describe, expect, vi } from "vitest";
import { api, sandboxForTest, server } from "../e2e/support/api.ts";
import { machineOf, machinesOf, placesOf, type MachineSeen } from "../e2e/support/machines.ts";
import { itWhen } from "../e2e/support/not-run.ts";

const onOwnServer = itWhen(
  server.dataDir !== null && !server.isFake,
  "needs a server with real VMs on this host (PANDASTACK_E2E_DATA_DIR says where)",
);

describe("privileges", () => {
  onOwnServer("no machine, no API process and no database runs as root", async () => {
    const own = machineOf(server.dataDir!, await sandboxForTest()).pid;
    const ofOwn = processes().filter(({ pid }) => Number(pid) === own);
    expect(ofOwn).toHaveLength(1);
    ofOwn.forEach(expectNoRoot);
    // Another server on this host may be in the middle of its start.
    const code = join(placesOf(server.dataDir!).runDir, "code");
    await onceStarted(() => {
      const all = processes();
      const vmms = all.filter(({ pid }) => isMachine(pid));
      const apis = all.filter(({ command }) => command.includes(`${code}/packages/control-plane/src/main.ts`));
      const databases = all.filter(({ command }) => /^(\S*\/)?postgres(:| )/.test(command));
      expect(vmms.length).toBeGreaterThan(0);
      expect(apis.length).toBeGreaterThan(0);
      [...vmms, ...apis, ...databases].forEach(expectNoRoot);
    });
  });

  onOwnServer(
    "every machine is confined: seccomp, no new privileges, its own root, network and mounts, an empty environment",
    async () => {
      const own = machineOf(server.dataDir!, await sandboxForTest()).pid;
      const ofOwn = processes().filter(({ pid }) => Number(pid) === own);
      expect(ofOwn).toHaveLength(1);
      ofOwn.forEach(expectConfined);
      await onceStarted(() => {
        // One of gVisor's that waits for its guest gets its filter with it.
        const vmms = processes().filter(({ pid }) => Number(pid) === own || (isMachine(pid) && !isSentry(pid)));
        expect(vmms.length).toBeGreaterThan(0);
        const uids = vmms.map(({ status }) => field(status, "Uid"));
        expect(new Set(uids).size, "a user of its own each").toBe(uids.length);
        vmms.forEach(expectConfined);
      });
    },
  );
});

describe("limits", () => {
  onOwnServer("every machine is alone in a cgroup of its own, with nobody beside it as root", async () => {
    const [host] = (await api("GET", "/v1/hosts")).json;
    expect(host.limits).toEqual({ controllers: ["cpu", "memory", "pids", "io"], reason: null });
    await sandboxForTest();
    await sandboxForTest();
    // Those that start ahead have a jailer, or the program that makes them, until they are there.
    await waitFor(() => strangers().length === 0, {
      timeoutMs: 20_000,
      message: "somebody stays beside the machines",
    }).catch((error: Error) => {
      throw new Error(`${error.message}: ${strangers().join(", ")}`);
    });
    await onceStarted(() => {
      const vmms = processes().filter(({ pid }) => isMachine(pid));
      expect(vmms.length).toBeGreaterThan(1);
      const cgroups = vmms.map(({ pid }) =>
        readFileSync(`/proc/${pid}/cgroup`, "utf8")
          .split("\n")
          .flatMap((line) => /:(\/.*pandastack_[a-z0-9]+\/[0-9a-f]{12})$/.exec(line)?.[1] ?? []),
      );
      for (const [index, paths] of cgroups.entries()) {
        expect(paths.length, vmms[index]!.command).toBeGreaterThan(0);
        expect(new Set(paths).size, "the same name in each tree").toBe(1);
      }
      expect(new Set(cgroups.map(([path]) => path)).size).toBe(vmms.length);
    });
  });
});

interface Seen {
  pid: string;
  command: string;
  status: string;
}

/** What a sentry keeps: to serve a guest's files as whoever they belong to, and to trace its own helpers. */
const SENTRY_CAPABILITIES = /^0+8001f$/;

/** One that is just being started, to wait ahead, is the jailer's for a moment, or ends while it is looked at: then once more. */
const onceStarted = (look: () => void): Promise<void> => vi.waitFor(look, { timeout: 20_000, interval: 100 });

function expectNoRoot({ pid, command, status }: Seen): void {
  const ids = `${field(status, "Uid")} ${field(status, "Gid")}`.split(/\s+/);
  expect(ids, command).not.toContain("0");
  // What a sentry may do it may do in a user namespace of its own, where nothing is the host's.
  if (isSentry(pid)) expect(readlinkSync(`/proc/${pid}/ns/user`)).not.toBe(readlinkSync("/proc/self/ns/user"));
  expect(field(status, "CapEff"), command).toMatch(isSentry(pid) ? SENTRY_CAPABILITIES : /^0+$/);
  expect(field(status, "CapPrm"), command).toMatch(isSentry(pid) ? SENTRY_CAPABILITIES : /^0+$/);
}

function expectConfined({ pid, status }: Seen): void {
  expect(field(status, "Seccomp")).toBe("2");
  expect(field(status, "NoNewPrivs")).toBe("1");
  for (const namespace of ["net", "mnt"])
    expect(readlinkSync(`/proc/${pid}/ns/${namespace}`)).not.toBe(readlinkSync(`/proc/self/ns/${namespace}`));
  expect(readFileSync(`/proc/${pid}/environ`, "utf8").replaceAll("\0", "")).not.toMatch(/PANDASTACK_|TOKEN|KEY|PASS/i);
  expect(readdirSync(`/proc/${pid}/root`)).not.toContain("home");
}

const machines = (): MachineSeen[] => machinesOf(placesOf(server.dataDir!));
const isMachine = (pid: string): boolean => machines().some((one) => one.pid === Number(pid));
const isSentry = (pid: string): boolean =>
  machines().some((one) => one.runtime === "gvisor" && one.pid === Number(pid));

/** Root's processes in the cgroups of this server's machines. */
function strangers(): string[] {
  const ids = machines().map(({ id }) => id);
  return processes()
    .filter(({ status }) => field(status, "Uid").startsWith("0\t"))
    .filter(({ pid }) => {
      const groups = cgroupsOf(pid);
      return ids.some((id) => groups.includes(`/${id}\n`));
    })
    .map(({ command }) => command);
}

function cgroupsOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cgroup`, "utf8");
  } catch {
    return "";
  }
}

/** Every process on this host that is not a kernel's. */
function processes(): Seen[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
        const isTest = command.includes("vitest") || Number(pid) === process.pid;
        return command === "" || isTest ? [] : [{ pid, command, status: readFileSync(`/proc/${pid}/status`, "utf8") }];
      } catch {
        // Ended while being read.
        return [];
      }
    });
}

function field(status: string, name: string): string {
  return new RegExp(`^${name}:\\s*(.*)$`, "m").exec(status)?.[1]?.trim() ?? "";
}
