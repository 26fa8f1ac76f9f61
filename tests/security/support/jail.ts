import { execFileSync, spawn } from "node:child_process";
import {
  chmodSync,
  closeSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { onTestFinished } from "vitest";
import { type MachineCgroup, openCgroups } from "@pandastack/host-agent/cgroups/index";
import type { Artifacts } from "@pandastack/host-agent/images/artifacts";
import { openNetwork } from "@pandastack/host-agent/network/index";
import type { NetworkSlot } from "@pandastack/host-agent/network/slot";
import { jailCommand } from "@pandastack/host-agent/runtimes/qemu/jail";
import { makeMachineFiles } from "@pandastack/host-agent/runtimes/qemu/machine-files";
import { OPEN_NETWORK } from "@pandastack/contracts/host";
import { newHexId } from "@pandastack/platform";

const RUN_DIR = "/run/pandastack";
const SIZE = { cpus: 1, memoryMb: 512 };
const log = { info: () => {}, warn: () => {}, error: () => {} };

export interface Jail {
  readonly slot: NetworkSlot;
  readonly cgroup: MachineCgroup;
  readonly runDir: string;
  /** Runs a program as the jail's VMM would be run; `files` are shown to it, read-only. */
  run(
    argv: readonly string[],
    files?: readonly { from: string; to: string }[],
  ): Promise<{ stdout: string; stderr: string; code: number | null }>;
}

/** A jail with a slot, a uid, folders and a cgroup of its own, made by the host agent's own code. Gone after the test. */
export async function openJail(artifacts: Artifacts): Promise<Jail> {
  const dataDir = mkdtempSync(join(tmpdir(), "pandastack-jail-"));
  const serverId = `t${newHexId(3)}`;
  const network = await openNetwork({ serverId, runDir: RUN_DIR, dataDir, log, prepareCount: 1 });
  const cgroups = await openCgroups({ serverId, poolDir: dataDir, runDir: RUN_DIR, log });
  onTestFinished(async () => {
    await cgroups.close();
    await network.close("remove");
    rmSync(dataDir, { recursive: true, force: true });
  });
  await network.adopt([]);
  const slot = await network.acquire();
  // As open as a sandbox's can be: what is not reached is not for want of a policy.
  await network.configure(slot.number, OPEN_NETWORK);
  // As on the pool: others may pass through, the machine's own parts have its uid.
  execFileSync("chmod", ["0711", dataDir]);
  const files = { dir: join(dataDir, "vm"), runDir: join(dataDir, "run"), nodesDir: join(dataDir, "nodes") };
  mkdirSync(files.dir);
  await makeMachineFiles(files, slot, false);
  writeFileSync(join(files.dir, "memory"), "template", { mode: 0o444 });
  const cgroup = cgroups.make(newHexId(6), SIZE);
  return {
    slot,
    cgroup,
    runDir: files.runDir,
    run: (argv, readOnlyFiles = []) =>
      new Promise((resolve, reject) => {
        const { dir: machineDir, runDir, nodesDir } = files;
        const jail = { slot, vmmRoot: artifacts.vmm.root, machineDir, runDir, nodesDir };
        const command = jailCommand({ ...jail, readOnlyFiles, withKvm: false, infoFd: 3 });
        const info = openSync(join(dataDir, "pid.json"), "w", 0o600);
        const [file, ...rest] = cgroup.joining([...command, ...argv]);
        const child = spawn(file!, rest, { stdio: ["ignore", "pipe", "pipe", info], env: {}, cwd: "/" });
        const text = ["", "", ""];
        for (const fd of [1, 2] as const)
          child.stdio[fd]!.setEncoding("utf8").on("data", (chunk: string) => (text[fd] += chunk));
        closeSync(info);
        child.once("error", reject);
        child.once("close", (code) => resolve({ stdout: text[1]!, stderr: text[2]!, code }));
      }),
  };
}

/** This very Node with its libraries, as files of a jail that has none of them, and the command that starts it there. */
export function nodeForJail(script: string): { argv: string[]; files: { from: string; to: string }[] } {
  const libraries = execFileSync("ldd", [process.execPath], { encoding: "utf8" })
    .split("\n")
    .flatMap((line) => /(\/\S+)\s+\(0x/.exec(line)?.[1] ?? []);
  const loader = libraries.find((path) => /\/ld-linux/.test(path));
  if (loader === undefined) throw new Error("no dynamic loader found");
  const inside = (path: string): string => `/tmp/${basename(path)}`;
  // Copies that any user may read and run: the originals may be root's alone.
  const copies = mkdtempSync(join(tmpdir(), "pandastack-probe-"));
  onTestFinished(() => rmSync(copies, { recursive: true, force: true }));
  const files = [...libraries, process.execPath, script].map((path) => {
    const from = join(copies, basename(path));
    copyFileSync(path, from);
    chmodSync(from, 0o755);
    return { from, to: inside(path) };
  });
  return { files, argv: [inside(loader), "--library-path", "/tmp", inside(process.execPath), inside(script)] };
}

export function readServerArtifacts(dataDir: string): Artifacts {
  return JSON.parse(readFileSync(join(dataDir, "artifacts.json"), "utf8")) as Artifacts;
}
