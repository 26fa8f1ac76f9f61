import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { waitFor } from "@pandastack/platform";
import { describe, expect } from "vitest";
import { api, sandboxForTest, server } from "../e2e/support/api.ts";
import { itWhen } from "../e2e/support/not-run.ts";

const onOwnServer = itWhen(
  server.dataDir !== null && !server.isFake,
  "needs a server with real VMs on this host (PANDASTACK_E2E_DATA_DIR says where)",
);

describe("privileges", () => {
  onOwnServer("no VMM, no API process and no database runs as root", async () => {
    await sandboxForTest();
    const all = processes();
    const vmms = all.filter(isVmmOfOurs);
    const apis = all.filter(({ command }) => /control-plane\/src\/main\.ts/.test(command));
    const databases = all.filter(({ command }) => /^(\S*\/)?postgres(:| )/.test(command));
    expect(vmms.length).toBeGreaterThan(0);
    expect(apis.length).toBeGreaterThan(0);
    for (const { command, status } of [...vmms, ...apis, ...databases]) {
      const ids = `${field(status, "Uid")} ${field(status, "Gid")}`.split(/\s+/);
      expect(ids, command).not.toContain("0");
      expect(field(status, "CapEff"), command).toMatch(/^0+$/);
      expect(field(status, "CapPrm"), command).toMatch(/^0+$/);
    }
  });

  onOwnServer(
    "every VMM is confined: seccomp, no new privileges, its own root, network and mounts, an empty environment",
    async () => {
      await sandboxForTest();
      const vmms = processes().filter(isVmmOfOurs);
      const uids = vmms.map(({ status }) => field(status, "Uid"));
      expect(new Set(uids).size, "a user of its own each").toBe(uids.length);
      for (const { pid, status } of vmms) {
        expect(field(status, "Seccomp")).toBe("2");
        expect(field(status, "NoNewPrivs")).toBe("1");
        for (const namespace of ["net", "mnt"])
          expect(readlinkSync(`/proc/${pid}/ns/${namespace}`)).not.toBe(readlinkSync(`/proc/self/ns/${namespace}`));
        expect(readFileSync(`/proc/${pid}/environ`, "utf8").replaceAll("\0", "")).not.toMatch(
          /PANDASTACK|TOKEN|KEY|PASS/i,
        );
        expect(readdirSync(`/proc/${pid}/root`)).not.toContain("home");
      }
    },
  );
});

describe("limits", () => {
  onOwnServer("every VMM is alone in a cgroup of its own, with nobody beside it as root", async () => {
    const [host] = (await api("GET", "/v1/hosts")).json;
    expect(host.limits).toEqual({ controllers: ["cpu", "memory", "pids", "io"], reason: null });
    await sandboxForTest();
    await sandboxForTest();
    // Those that start ahead have a jailer until they answer.
    const isJailer = ({ command }: Seen) => /^(\S*\/)?(bwrap|nsenter|setpriv) /.test(command) && isOurs(command);
    await waitFor(() => !processes().some(isJailer), { timeoutMs: 20_000, message: "jailers stay beside their VMMs" });
    const vmms = processes().filter(isVmmOfOurs);
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

interface Seen {
  pid: string;
  command: string;
  status: string;
}

/** Whether a text names a folder of a machine of this server; others may have theirs on this host. */
function isOurs(text: string): boolean {
  return readdirSync(join(server.dataDir!, "pool", "machines")).some((id) => text.includes(`/machines/${id} `));
}

/** A VMM of this server: itself, not what started it and waits for it, and not one of another server or test on this host. */
function isVmmOfOurs({ pid, command }: Seen): boolean {
  if (!/^\S*qemu-system\S* /.test(command)) return false;
  try {
    return isOurs(readFileSync(`/proc/${pid}/mountinfo`, "utf8"));
  } catch {
    // Ended while being read.
    return false;
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
