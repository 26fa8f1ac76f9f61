import { randomBytes } from "node:crypto";
import { waitFor } from "@pandastack/platform";
import { untilDone, type Json } from "./client.ts";
import { readJournal } from "./records.ts";
import { isAlive, type CrashServer } from "./server.ts";

/** Restarts that follow one another wait, and a boot in emulation beside other tests takes its time. */
const RESTART_TIMEOUT_MS = 120_000;
/** Where a sandbox that has a volume has it. */
export const VOLUME_PATH = "/mnt/v";

export type State = "running" | "paused" | "hibernated" | "failed" | "gone";

/** A sandbox that the server has acknowledged, and what it may be now. More than one state while an answer was lost. */
export interface Known {
  readonly id: string;
  states: Set<State>;
  /** What its disk and its memory hold; undefined before anything was put there. */
  mark: string | undefined;
  persistent: boolean;
  /** `whole`: all that was ever put there. `lost`: its machine has died since. `unsure`: it may have. */
  memory: "whole" | "lost" | "unsure";
  /** Machines of it that were killed: a sandbox that dies again and again is not started for ever. */
  deaths: number;
  /** That it writes to. */
  volume: string | undefined;
}

export interface KnownVolume {
  readonly name: string;
  /** More than one while an answer was lost. */
  states: Set<"there" | "gone">;
  sizesMb: Set<number>;
  /** What is on it; undefined before anything was put there. */
  mark: string | undefined;
}

/** A call that makes sandboxes whose answer was lost: up to `count` of them may be there, with this tag. */
interface Lost {
  readonly tag: string;
  readonly count: number;
  readonly mark: string | undefined;
  readonly volume?: string | undefined;
}

/** Everything that was acknowledged, and what may be besides because an answer was lost. */
export class Model {
  readonly server: CrashServer;
  readonly sandboxes = new Map<string, Known>();
  /** Ids, and whether it is certain that they are there. */
  readonly snapshots = new Map<string, "there" | "perhaps">();
  /** The mark of the sandbox that a snapshot was taken of. */
  readonly marks = new Map<string, string | undefined>();
  readonly volumes = new Map<string, KnownVolume>();
  readonly #lost: Lost[] = [];
  #lostSnapshots = 0;
  #keysGivenUp = 0;

  constructor(server: CrashServer) {
    this.server = server;
  }

  in(...states: State[]): Known[] {
    return [...this.sandboxes.values()].filter(
      ({ states: [state, ...more] }) => more.length === 0 && states.includes(state!),
    );
  }

  add(id: string, mark: string | undefined, more: { persistent?: boolean; volume?: string | undefined } = {}): Known {
    const { persistent = false, volume } = more;
    const states = new Set<State>(["running"]);
    const known: Known = { id, states, mark, persistent, memory: "whole", deaths: 0, volume };
    this.sandboxes.set(id, known);
    return known;
  }

  /**
   * Idempotency keys that their client gave up on. One whose control plane has died stays open for its day: the client may
   * come back, and what it asked for must then go on under the same seed.
   */
  get keysGivenUp(): number {
    return this.#keysGivenUp;
  }

  loseSandboxes(lost: Lost): void {
    this.#keysGivenUp += 1;
    this.#lost.push(lost);
  }

  loseAnswer(): void {
    this.#keysGivenUp += 1;
  }

  loseSnapshot(): void {
    this.#keysGivenUp += 1;
    this.#lostSnapshots += 1;
  }

  /** Puts a mark on disk and in memory, and a process that holds it company. */
  async putMark(known: Known): Promise<void> {
    const mark = randomBytes(8).toString("hex");
    const onVolume = known.volume === undefined ? "" : `echo ${mark} > ${VOLUME_PATH}/mark && `;
    const cmd = `echo ${mark} > /root/mark && ${onVolume}sync && echo ${mark} > /dev/shm/mark && { sleep 1000000 >/dev/null 2>&1 & } && echo $! > /dev/shm/pid`;
    const { exit_code, stderr } = await exec(this.server, known.id, cmd);
    if (exit_code !== 0) throw new Error(`putting a mark into ${known.id} ended with ${exit_code}: ${stderr}`);
    known.mark = mark;
    known.memory = "whole";
    if (known.volume !== undefined) this.volumes.get(known.volume)!.mark = mark;
  }

  /** Deaths are noticed and shown, and persistent sandboxes are started again by the host itself. */
  async untilDeathsAreOver(): Promise<void> {
    const isOver = async (): Promise<boolean> => {
      const { sandboxes } = readJournal(this.server);
      if (sandboxes.some(({ restartDue }) => restartDue)) return false;
      const rows: Json[] = await untilDone(this.server, { method: "GET", path: "/v1/sandboxes" });
      const states = new Map(rows.map((row): [string, State] => [row.id, row.status]));
      return sandboxes.every(
        ({ id, state, machine }) =>
          (machine === null || isAlive(machine.pid)) && (!states.has(id) || states.get(id) === state),
      );
    };
    await waitFor(isOver, {
      timeoutMs: RESTART_TIMEOUT_MS,
      intervalMs: 50,
      message: "a persistent sandbox whose machine has died is not started again",
    });
  }

  /**
   * Compares what the server shows with what it has acknowledged. At the last look, with all at rest, it makes certain what was not:
   * before, rows may be behind what the host has done for a request whose answer was lost.
   */
  async settle({ isLast }: { isLast: boolean }): Promise<void> {
    const shown = new Map<string, Json>(
      ((await untilDone(this.server, { method: "GET", path: "/v1/sandboxes" })) as Json[]).map((one) => [one.id, one]),
    );
    for (const [id, known] of this.sandboxes) {
      const state: State = shown.get(id)?.status ?? "gone";
      if (!known.states.has(state))
        throw new Error(
          `sandbox ${id} is ${state} (${shown.get(id)?.reason ?? ""}), not ${[...known.states].join(" or ")}`,
        );
      if (isLast) known.states = new Set([state]);
      known.persistent = shown.get(id)?.persistent ?? false;
      if (isLast && state === "gone") this.sandboxes.delete(id);
      shown.delete(id);
    }
    this.#settleLost(shown);
    await this.#settleSnapshots(isLast);
    await this.#settleVolumes(isLast);
  }

  async #settleVolumes(isLast: boolean): Promise<void> {
    const rows: Json[] = await untilDone(this.server, { method: "GET", path: "/v1/volumes" });
    const shown = new Map(rows.map((row): [string, Json] => [row.name, row]));
    for (const [name, known] of this.volumes) {
      const row = shown.get(name);
      const state = row === undefined ? "gone" : "there";
      if (!known.states.has(state))
        throw new Error(`volume ${name} is ${state}, not ${[...known.states].join(" or ")}`);
      if (isLast) known.states = new Set([state]);
      if (row === undefined) {
        if (isLast) this.volumes.delete(name);
        continue;
      }
      if (!known.sizesMb.has(row.size_mb))
        throw new Error(`volume ${name} has ${row.size_mb} MiB, not ${[...known.sizesMb].join(" or ")}`);
      if (isLast) known.sizesMb = new Set([row.size_mb]);
      shown.delete(name);
    }
    if (shown.size > 0) throw new Error(`volumes that nobody has asked for: ${[...shown.keys()].join()}`);
  }

  /** What is still being made, or undone, is decided by the time of the next look. */
  #settleLost(shown: Map<string, Json>): void {
    for (const lost of this.#lost.splice(0)) {
      const { tag, count, mark, volume } = lost;
      const found = [...shown.values()].filter((one) => one.metadata.tag === tag);
      if (found.length > count) throw new Error(`one call made ${found.length} sandboxes, not ${count}`);
      if (found.some((one) => one.status === "creating")) {
        this.#lost.push(lost);
        for (const one of found) shown.delete(one.id);
        continue;
      }
      for (const one of found) {
        this.add(one.id, mark, { persistent: one.persistent, volume });
        shown.delete(one.id);
      }
    }
    if (shown.size > 0) throw new Error(`sandboxes that nobody has asked for: ${JSON.stringify([...shown.values()])}`);
  }

  async #settleSnapshots(isLast: boolean): Promise<void> {
    const { snapshots: shown }: { snapshots: Json[] } = await untilDone(this.server, {
      method: "GET",
      path: "/v1/snapshots",
    });
    const found = new Set<string>(shown.map((one) => one.id));
    for (const [id, certainty] of this.snapshots) {
      if (!found.has(id)) {
        if (certainty === "there") throw new Error(`the acknowledged snapshot ${id} is gone`);
        this.snapshots.delete(id);
      } else if (isLast) this.snapshots.set(id, "there");
      found.delete(id);
    }
    if (found.size > this.#lostSnapshots) throw new Error(`snapshots that nobody has asked for: ${[...found].join()}`);
    for (const id of found) {
      this.snapshots.set(id, "there");
      const one = shown.find((each) => each.id === id);
      const of = this.sandboxes.get(one.sandbox_id);
      this.marks.set(id, of?.memory === "whole" ? of.mark : undefined);
    }
    if (isLast) this.#lostSnapshots = 0;
  }

  /** Those that run must have all that they were given: on disk, on their volume, in memory, and the process. */
  async verify(all: readonly Known[]): Promise<void> {
    for (const known of all) {
      const { id, mark, memory, volume } = known;
      const onVolume = volume === undefined ? undefined : this.volumes.get(volume)?.mark;
      if (mark === undefined && onVolume === undefined) continue;
      const look = [
        ...(mark === undefined ? [] : ["cat /root/mark"]),
        ...(onVolume === undefined ? [] : [`cat ${VOLUME_PATH}/mark`]),
        ...(mark === undefined ? [] : ["cat /dev/shm/mark && kill -0 $(cat /dev/shm/pid) && echo alive"]),
      ];
      const { stdout, stderr, exit_code } = await exec(this.server, id, look.join("; "));
      const onDisk = [mark, onVolume].map((text) => (text === undefined ? "" : `${text}\n`)).join("");
      const inMemory = mark === undefined ? "" : `${mark}\nalive\n`;
      const allowed = { whole: [onDisk + inMemory], lost: [onDisk], unsure: [onDisk + inMemory, onDisk] }[memory];
      if (!allowed.includes(stdout))
        throw new Error(
          `sandbox ${id} has ${JSON.stringify(stdout)} (exit code ${exit_code}, ${stderr}), not ${allowed.map((one) => JSON.stringify(one)).join(" or ")}`,
        );
      if (memory !== "whole") await this.putMark(known);
    }
  }
}

async function exec(server: CrashServer, id: string, cmd: string): Promise<Json> {
  return untilDone(server, { method: "POST", path: `/v1/sandboxes/${id}/exec`, json: { cmd } });
}
