import { existsSync } from "node:fs";
import { join } from "node:path";
import { isAlive, type CrashServer } from "../server.ts";
import type { MachineSeen } from "../../../e2e/support/machines.ts";
import { namesIn, read } from "./look.ts";

/** What each machine lacks, or has too much of. */
export const partsOf = (server: CrashServer, machines: readonly MachineSeen[]): string[] =>
  machines.flatMap((machine) => [
    ...(isAlive(machine.pid ?? 0) ? [] : [`machine ${machine.id} has a folder and no process`]),
    ...(machine.runtime === "qemu" ? ofVmm(server, machine.id) : ofContainer(server, machine)),
  ]);

/** Two folders. */
function ofVmm(server: CrashServer, id: string): string[] {
  const places = { pool: join(server.poolDir, "machines", id), "run folder": runFolder(server, id) };
  return Object.entries(places).flatMap(([name, path]) =>
    existsSync(path) ? [] : [`machine ${id} is not in the ${name}`],
  );
}

/** One container of runsc's, with a socket to command it by; its mounts keep no pool in use. */
function ofContainer(server: CrashServer, { id, pid }: MachineSeen): string[] {
  const root = join(runFolder(server, id), "runsc");
  const names = namesIn(root);
  return [
    ...names.filter((name) => !name.includes(id) && name !== "null-netns").map((name) => `${root}/${name}`),
    ...(names.includes(`runsc-${id}.sock`) ? [] : [`machine ${id} has no control socket`]),
    ...(names.some((name) => name.endsWith(".state")) ? [] : [`machine ${id} is none that runsc knows`]),
    ...(read(`/proc/${pid}/mountinfo`).includes(` ${server.poolDir} `) ? [`machine ${id} keeps the pool mounted`] : []),
  ];
}

const runFolder = (server: CrashServer, id: string): string => join(server.runDir, "m", id);
