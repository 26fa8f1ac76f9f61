import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { RUN_ROOT } from "@pandastack/setup/supervisor/identity";
import { slotPrefix, tableName } from "@pandastack/host-agent/network/names";

/**
 * What a server that has stopped still has on the host, as lines to read; empty where it left nothing. Other servers on the
 * same host are not its business: everything of one server names its data folder or its short id.
 */
export function leftoversOf(dataDir: string): string[] {
  const marks = [dataDir, ...serverIds(dataDir).flatMap(marksOf)];
  const isOurs = (text: string) => marks.some((mark) => text.includes(mark));
  return [
    ...processes()
      .filter(isOurs)
      .map((line) => `process ${line}`),
    ...lines("ip", ["netns", "list"])
      .filter(isOurs)
      .map((line) => `netns ${line}`),
    ...lines("ip", ["-o", "link"])
      .filter(isOurs)
      .map((line) => `link ${line}`),
    ...lines("losetup", ["-l", "-n", "-O", "NAME,BACK-FILE"])
      .filter(isOurs)
      .map((line) => `loop device ${line}`),
    ...readFileSync("/proc/self/mounts", "utf8")
      .split("\n")
      .filter(isOurs)
      .map((line) => `mount ${line}`),
    ...cgroups()
      .filter(isOurs)
      .map((line) => `cgroup ${line}`),
    ...runFolders()
      .filter(isOurs)
      .map((path) => `run folder ${path}`),
  ];
}

/** A short id alone would be found in numbers of strangers' processes and in names of their folders. */
const marksOf = (id: string): string[] => [slotPrefix(id), tableName(id), join(RUN_ROOT, id)];

/** The short id that the set-up gave this data folder; part of every interface's and namespace's name. */
function serverIds(dataDir: string): string[] {
  const path = join(dataDir, "server.json");
  if (!existsSync(path)) return [];
  const { id } = JSON.parse(readFileSync(path, "utf8")) as { id?: string };
  return id === undefined ? [] : [id];
}

/** `pid command [root]` of all, with what only the environment says. This test's own processes are not meant. */
function processes(): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
        if (command === "" || command.includes("vitest")) return [];
        const environment = readFileSync(`/proc/${pid}/environ`, "utf8")
          .split("\0")
          .filter((entry) => entry.startsWith("PANDASTACK_DATA_DIR="));
        return [
          `${pid} ${command} ${environment.join(" ")} root=${readlinkSync(`/proc/${pid}/root`)} cwd=${readlinkSync(`/proc/${pid}/cwd`)}`,
        ];
      } catch {
        // Ended while being read.
        return [];
      }
    });
}

/** Also where `find` complains: another server's cgroup may go while it looks. */
function cgroups(): string[] {
  const args = ["/sys/fs/cgroup", "-type", "d", "-path", "*pandastack_*"];
  const { error, signal, stdout } = spawnSync("find", args, { encoding: "utf8" });
  if (error !== undefined || signal !== null) throw error ?? new Error(`find ended by ${signal}`);
  return linesOf(stdout);
}

function runFolders(): string[] {
  return existsSync(RUN_ROOT) ? readdirSync(RUN_ROOT).map((name) => join(RUN_ROOT, name)) : [];
}

function lines(command: string, args: string[]): string[] {
  return linesOf(execFileSync(command, args, { encoding: "utf8" }));
}

const linesOf = (text: string): string[] => text.split("\n").filter((line) => line !== "");
