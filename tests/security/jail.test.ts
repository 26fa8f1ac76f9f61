import { readdirSync, readFileSync, statSync } from "node:fs";
import { connect } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { qemuArguments } from "@pandastack/host-agent/runtimes/qemu/command-line";
import { Qmp } from "@pandastack/host-agent/runtimes/qemu/qmp";
import { api, sandboxForTest, server } from "../e2e/support/api.ts";
import { itWhen } from "../e2e/support/not-run.ts";
import { pathsBelow } from "./support/files-below.ts";
import { nodeForJail, openJail, readServerArtifacts } from "./support/jail.ts";

const onOwnServer = itWhen(
  server.dataDir !== null && !server.isFake && process.getuid?.() === 0,
  "needs root and a server with real VMs on this host",
);
const PROBE = join(import.meta.dirname, "support", "jail-probe.mjs");
describe("a program with exactly the rights of a VMM", () => {
  onOwnServer("reaches nothing of others: files, sockets, processes, network", async () => {
    const dataDir = server.dataDir!;
    const victim = (await api("GET", `/v1/sandboxes/${await sandboxForTest()}`)).json;
    const pool = join(dataDir, "pool");
    const runDir = join("/run/pandastack", JSON.parse(readFileSync(join(dataDir, "server.json"), "utf8")).id);
    const machines = readdirSync(join(pool, "machines"));
    const sockets = pathsBelow(runDir, (stats) => stats.isSocket());
    const pids = processesNaming([dataDir, ...machines]);
    const files = [
      ...machines.flatMap((id) => ["disk", "memory"].map((name) => join(pool, "machines", id, name))),
      join(pool, "sandboxes", victim.id, "disk"),
      join(dataDir, "server.json"),
      join(dataDir, "artifacts.json"),
      join(dataDir, "pool.img"),
      "/etc/shadow",
      "/etc/passwd",
      ...pids.flatMap((pid) => ["mem", "environ", "cmdline"].map((name) => `/proc/${pid}/${name}`)),
    ].filter(isThere);
    const hostAddresses = Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map((one) => one.address));
    const port = Number(new URL(server.url).port);
    const addresses = [
      ...[...new Set(["127.0.0.1", ...hostAddresses.filter((address) => !address.includes(":"))])].map((host) => ({
        host,
        port,
      })),
      { host: victim.guest_ip as string, port: 22 },
      { host: "169.254.169.254", port: 80 },
      { host: "1.1.1.1", port: 443 },
    ];
    // What is asked for is there, and open to who may have it: else a probe that finds nothing shows nothing.
    expect(files.length).toBeGreaterThan(6);
    expect(sockets.length).toBeGreaterThan(2);
    expect(pids.length).toBeGreaterThan(2);
    expect(await connects("127.0.0.1", port)).toBe(true);

    const jail = await openJail(readServerArtifacts(dataDir));
    const node = nodeForJail(PROBE);
    const wanted = {
      files: [...files, "/vm/memory"],
      folders: [dataDir, pool, runDir, "/home", "/root", "/sys/fs/cgroup", "/proc/1", "/vm"],
      writes: ["/vm/memory", "/vm/new", "/usr/new", "/lib/new", "/vm/out/new", "/run/new"],
      pids,
      sockets,
      addresses,
    };
    const { stdout, stderr } = await jail.run([...node.argv, JSON.stringify(wanted)], node.files);
    expect(stdout, stderr).not.toBe("");
    expect(JSON.parse(stdout)).toEqual({
      uid: jail.slot.uid,
      // Its own, so that the answers are not those of a probe that can do nothing at all.
      read: ["/vm/memory"],
      listed: ["/vm"],
      written: ["/vm/out/new", "/run/new"],
      signalled: [],
      unix: [],
      tcp: [],
      becameRoot: false,
    });
  });
});

describe("QEMU's filter of system calls", () => {
  /** What comes of a VMM that is told to start a program (a migration from one): its answer, or its end. */
  const startProgram = async (filter: readonly string[]): Promise<string> => {
    const artifacts = readServerArtifacts(server.dataDir!);
    const jail = await openJail(artifacts);
    const common = ["-M", "none", "-nodefaults", "-nographic", "-qmp", "unix:/run/qmp.sock,server=on,wait=off"];
    const ended = jail.run([artifacts.vmm.qemuPath, ...common, ...filter, "-incoming", "defer"]);
    let isOver = false;
    void ended.then(() => (isOver = true));
    const qmp = await Qmp.connect(join(jail.runDir, "qmp.sock"), { timeoutMs: 20_000, isDead: () => isOver });
    const answer = await qmp
      .command("migrate-incoming", { uri: "exec:true" })
      .then(() => "it started")
      .catch((error: Error) => error.message);
    await qmp.command("quit").catch(() => {});
    await ended;
    qmp.close();
    return answer;
  };

  onOwnServer("forbids a VMM to start a program: not the jail's empty root, the filter does", async () => {
    const size = { cpus: 1, memoryMb: 512 };
    const mac = "02:00:00:00:00:01";
    const jailed = qemuArguments({ qemuPath: "/none", kvm: false, size, tap: "tap0", mac, start: { kind: "blank" } });
    const at = jailed.indexOf("-sandbox");
    expect(at).toBeGreaterThan(0);
    // Denied, or the VMM is ended on the spot: that is for its version to choose.
    expect(await startProgram(jailed.slice(at, at + 2))).toMatch(/fork.*not permitted|closed its control socket/i);
    // Without it the fork is made, and only then there is no program to be found.
    expect(await startProgram([])).toMatch(/execute child|it started/i);
  });
});

function isThere(path: string): boolean {
  try {
    statSync(path);
    return true;
  } catch {
    return false;
  }
}

/** Processes of the server: their command, or what is mounted for them, names one of its folders. */
function processesNaming(marks: readonly string[]): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      try {
        const text = ["cmdline", "environ", "mountinfo"].map((name) => readFileSync(`/proc/${pid}/${name}`, "utf8"));
        const isOurs =
          marks.some((mark) => `${text[0]} ${text[1]}`.includes(mark)) ||
          marks.slice(1).some((id) => text[2]!.includes(`/machines/${id} `));
        return isOurs ? [Number(pid)] : [];
      } catch {
        return [];
      }
    });
}

function connects(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
