import { randomBytes } from "node:crypto";
import { untilDone, type Json } from "./client.ts";
import type { CrashServer } from "./server.ts";

export type State = "running" | "paused" | "hibernated" | "failed" | "gone";

/** A sandbox that the server has acknowledged, and what it may be now. More than one state while an answer was lost. */
export interface Known {
  readonly id: string;
  states: Set<State>;
  /** What its disk and its memory hold; undefined before anything was put there. */
  mark: string | undefined;
}

/** A call that makes sandboxes whose answer was lost: up to `count` of them may be there, with this tag. */
interface Lost {
  readonly tag: string;
  readonly count: number;
  readonly mark: string | undefined;
}

/** Everything that was acknowledged, and what may be besides because an answer was lost. */
export class Model {
  readonly server: CrashServer;
  readonly sandboxes = new Map<string, Known>();
  /** Ids, and whether it is certain that they are there. */
  readonly snapshots = new Map<string, "there" | "perhaps">();
  /** The mark of the sandbox that a snapshot was taken of. */
  readonly marks = new Map<string, string | undefined>();
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

  add(id: string, mark: string | undefined): Known {
    const known: Known = { id, states: new Set<State>(["running"]), mark };
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

  loseSnapshot(): void {
    this.#keysGivenUp += 1;
    this.#lostSnapshots += 1;
  }

  /** Puts a mark on disk and in memory, and a process that holds it company. */
  async putMark(known: Known): Promise<void> {
    const mark = randomBytes(8).toString("hex");
    const cmd = `echo ${mark} > /root/mark && sync && echo ${mark} > /dev/shm/mark && { sleep 1000000 >/dev/null 2>&1 & } && echo $! > /dev/shm/pid`;
    const { exit_code, stderr } = await exec(this.server, known.id, cmd);
    if (exit_code !== 0) throw new Error(`putting a mark into ${known.id} ended with ${exit_code}: ${stderr}`);
    known.mark = mark;
  }

  /** Compares what the server shows with what it has acknowledged, and makes certain what was not. */
  async settle(): Promise<void> {
    const shown = new Map<string, Json>(
      ((await untilDone(this.server, { method: "GET", path: "/v1/sandboxes" })) as Json[]).map((one) => [one.id, one]),
    );
    for (const [id, known] of this.sandboxes) {
      const state: State = shown.get(id)?.status ?? "gone";
      if (!known.states.has(state))
        throw new Error(
          `sandbox ${id} is ${state} (${shown.get(id)?.reason ?? ""}), not ${[...known.states].join(" or ")}`,
        );
      known.states = new Set([state]);
      if (state === "gone") this.sandboxes.delete(id);
      shown.delete(id);
    }
    this.#settleLost(shown);
    await this.#settleSnapshots();
  }

  /** What is still being made, or undone, is decided by the time of the next look. */
  #settleLost(shown: Map<string, Json>): void {
    for (const lost of this.#lost.splice(0)) {
      const { tag, count, mark } = lost;
      const found = [...shown.values()].filter((one) => one.metadata.tag === tag);
      if (found.length > count) throw new Error(`one call made ${found.length} sandboxes, not ${count}`);
      if (found.some((one) => one.status === "creating")) {
        this.#lost.push(lost);
        for (const one of found) shown.delete(one.id);
        continue;
      }
      for (const one of found) {
        this.add(one.id, mark);
        shown.delete(one.id);
      }
    }
    if (shown.size > 0) throw new Error(`sandboxes that nobody has asked for: ${JSON.stringify([...shown.values()])}`);
  }

  async #settleSnapshots(): Promise<void> {
    const { snapshots: shown }: { snapshots: Json[] } = await untilDone(this.server, {
      method: "GET",
      path: "/v1/snapshots",
    });
    const found = new Set<string>(shown.map((one) => one.id));
    for (const [id, certainty] of this.snapshots) {
      if (!found.has(id)) {
        if (certainty === "there") throw new Error(`the acknowledged snapshot ${id} is gone`);
        this.snapshots.delete(id);
      } else this.snapshots.set(id, "there");
      found.delete(id);
    }
    if (found.size > this.#lostSnapshots) throw new Error(`snapshots that nobody has asked for: ${[...found].join()}`);
    for (const id of found) {
      this.snapshots.set(id, "there");
      const one = shown.find((each) => each.id === id);
      this.marks.set(id, this.sandboxes.get(one.sandbox_id)?.mark);
    }
    this.#lostSnapshots = 0;
  }

  /** Those that run must have all that they were given: on disk, in memory, and the process. */
  async verify(known: readonly Known[]): Promise<void> {
    for (const { id, mark } of known) {
      if (mark === undefined) continue;
      const { stdout, stderr, exit_code } = await exec(
        this.server,
        id,
        "cat /root/mark /dev/shm/mark; kill -0 $(cat /dev/shm/pid) && echo alive",
      );
      const expected = `${mark}\n${mark}\nalive\n`;
      if (stdout !== expected)
        throw new Error(
          `sandbox ${id} has ${JSON.stringify(stdout)} (exit code ${exit_code}, ${stderr}), not ${JSON.stringify(expected)}`,
        );
    }
  }
}

async function exec(server: CrashServer, id: string, cmd: string): Promise<Json> {
  return untilDone(server, { method: "POST", path: `/v1/sandboxes/${id}/exec`, json: { cmd } });
}
