import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, renameSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { killProcess } from "../../../host-agent/src/processes/proc.ts";
import { waitFor } from "../tools/wait.ts";
import {
  forgetRecord,
  isRunning,
  killAndWait,
  type ProcessRecord,
  readRecord,
  recordOf,
  saveRecord,
} from "./process-record.ts";

/** A process that the supervisor keeps running. */
export interface ChildPlan {
  /** For the user: "host agent". */
  readonly name: string;
  readonly file: string;
  readonly args: readonly string[];
  /** Its whole environment. */
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly logFile: string;
  /** Where its pid is kept for the supervisor after this one. */
  readonly recordFile: string;
  readonly stopSignal: NodeJS.Signals;
  readonly stopTimeoutMs: number;
  /** Ends it so that the next life takes over what it leaves: machines go on. */
  readonly replaceSignal: NodeJS.Signals;
  /**
   * For one that leaves things on the host which only itself can put away: started with this besides, it does that and ends by
   * itself, with exit code 0 when nothing is left.
   */
  readonly putAwayEnv?: NodeJS.ProcessEnv;
  /** Run before every start. */
  prepare?(): Promise<void>;
}

export type Say = (text: string) => void;

const FIRST_BACKOFF_MS = 100;
const LONGEST_BACKOFF_MS = 5_000;
/** One that has lived this long was no failed start. */
const GOOD_LIFE_MS = 10_000;
/** One that has lived this long had started, and is wanted back at once whatever has ended it. */
const STARTED_LIFE_MS = 2_500;
/** What is under way in it is finished first. */
const REPLACE_TIMEOUT_MS = 30_000;
const LOG_LIMIT_BYTES = 32 * 1024 * 1024;
const LOG_TAIL_LINES = 12;
const ADOPTED_LOOK_MS = 50;
/** Whatever killed it may be at it still; what can't be put away at all must not hold up a stop for long. */
const PUT_AWAY_ATTEMPTS = 3;
const CLEAN_END = "exit code 0";

/**
 * Starts a process in a session of its own (signals for our process group must not reach it: it is stopped in its turn),
 * starts it again when it dies, and stops it. Adopts one that a former supervisor left running, if asked to.
 */
export class Child {
  readonly plan: ChildPlan;
  readonly #say: Say;
  #current: ProcessRecord | undefined;
  #isStopping = false;
  #isReplacing = false;
  #loop: Promise<void> = Promise.resolve();
  #failures = 0;
  /** It has lived, here or under a former supervisor, and has not been seen to end as it was asked to. */
  #mayHaveLeft = false;
  readonly #wake = new AbortController();

  constructor(plan: ChildPlan, say: Say) {
    this.plan = plan;
    this.#say = say;
  }

  /** How often in a row it has died young. */
  get failures(): number {
    return this.#failures;
  }

  get pid(): number | undefined {
    return this.#current?.pid;
  }

  /** The process that a former supervisor started, if it lives. */
  get leftover(): ProcessRecord | undefined {
    const record = readRecord(this.plan.recordFile);
    return record !== undefined && isRunning(record) ? record : undefined;
  }

  async killLeftover(): Promise<void> {
    const record = this.leftover;
    // Also of one that is dead already.
    this.#mayHaveLeft ||= readRecord(this.plan.recordFile) !== undefined;
    if (record !== undefined) await killAndWait(record, this.plan.name);
    forgetRecord(this.plan.recordFile);
  }

  /** Takes care of `record` as if it had been started here; starts it anew when it dies. */
  adopt(record: ProcessRecord): void {
    this.#current = record;
    this.#loop = this.#keepRunning(untilGone(record));
  }

  start(): void {
    this.#loop = this.#keepRunning(this.#run());
  }

  /** Lets it run, and does not start it again when it ends. */
  startNoMore(): void {
    this.#isStopping = true;
    this.#wake.abort();
  }

  /**
   * Asks it to stop, waits, and kills it when it takes too long. One that was dead at that moment, or has died of something else
   * meanwhile, gets another life to put away what it has left. Throws when that is of no avail.
   */
  async stop(): Promise<void> {
    this.startNoMore();
    const current = this.#current;
    if (current !== undefined && isRunning(current)) {
      killProcess(current.pid, this.plan.stopSignal);
      const isInTime = await Promise.race([
        this.#loop.then(() => true),
        delay(this.plan.stopTimeoutMs, false, { ref: false }),
      ]);
      if (!isInTime) {
        this.#say(`${this.plan.name} has not stopped within ${this.plan.stopTimeoutMs / 1000} s and is killed`);
        await killAndWait(current, this.plan.name);
      }
    }
    await this.#loop;
    await this.#putAway();
    forgetRecord(this.plan.recordFile);
  }

  async #putAway(): Promise<void> {
    const { name, putAwayEnv, stopTimeoutMs, logFile } = this.plan;
    if (putAwayEnv === undefined || !this.#mayHaveLeft) return;
    this.#say(`${name} was not there to put away what it has made; it is started once more for that`);
    let how = "";
    for (let attempt = 0; attempt < PUT_AWAY_ATTEMPTS; attempt++) {
      const life = this.#run(putAwayEnv);
      const isInTime = await Promise.race([life.then(() => true), delay(stopTimeoutMs, false, { ref: false })]);
      if (!isInTime && this.#current !== undefined) await killAndWait(this.#current, name);
      how = await life;
      this.#current = undefined;
      if (how === CLEAN_END) return;
    }
    throw new Error(`${name} could not put away what it has made (${how}). Its log: ${logFile}`);
  }

  /** Ends it and starts it anew at once, from the code that is there now. Resolves when the new one runs. */
  async replace(): Promise<void> {
    const former = this.#current;
    const message = `${this.plan.name} is not started anew`;
    if (former !== undefined && isRunning(former)) {
      this.#isReplacing = true;
      killProcess(former.pid, this.plan.replaceSignal);
      await waitFor(() => !isRunning(former), { timeoutMs: REPLACE_TIMEOUT_MS, message }).catch(() =>
        killAndWait(former, this.plan.name),
      );
    }
    const isNew = () => this.#current !== undefined && this.#current.pid !== former?.pid;
    await waitFor(() => isNew() || this.#isStopping, { timeoutMs: LONGEST_BACKOFF_MS + GOOD_LIFE_MS, message });
  }

  lastLines(): string[] {
    try {
      return readFileSync(this.plan.logFile, "utf8").trimEnd().split("\n").slice(-LOG_TAIL_LINES);
    } catch {
      return [];
    }
  }

  async #keepRunning(first: Promise<string>): Promise<void> {
    let life = first;
    let hasty = 0;
    for (;;) {
      const started = performance.now();
      const how = await life;
      this.#current = undefined;
      if (this.#isStopping) {
        if (how === CLEAN_END && !this.#isReplacing) this.#mayHaveLeft = false;
        return;
      }
      if (this.#isReplacing) {
        this.#isReplacing = false;
        this.#failures = 0;
        life = this.#run();
        continue;
      }
      this.#failures = performance.now() - started > GOOD_LIFE_MS ? 1 : this.#failures + 1;
      hasty = performance.now() - started > STARTED_LIFE_MS ? 0 : hasty + 1;
      const backoffMs = Math.min(FIRST_BACKOFF_MS * 2 ** hasty, LONGEST_BACKOFF_MS);
      this.#say(
        `${this.plan.name} has ended (${how}); starting it again in ${backoffMs} ms. Its log: ${this.plan.logFile}`,
      );
      await delay(backoffMs, undefined, { signal: this.#wake.signal }).catch(() => {});
      if (this.#isStopping) return;
      life = this.#run();
    }
  }

  /** One life. Resolves to how it ended. */
  async #run(putAwayEnv?: NodeJS.ProcessEnv): Promise<string> {
    const { plan } = this;
    let child: ChildProcess;
    try {
      await plan.prepare?.();
      const log = openLog(plan.logFile);
      try {
        child = spawn(plan.file, plan.args, {
          cwd: plan.cwd,
          env: { ...plan.env, ...putAwayEnv },
          detached: true,
          stdio: ["ignore", log, log],
        });
      } finally {
        closeSync(log);
      }
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
    const ended = new Promise<string>((resolve) => {
      child.once("error", (error) => resolve(error.message));
      child.once("exit", (code, signal) => resolve(signal === null ? `exit code ${code}` : `signal ${signal}`));
    });
    this.#mayHaveLeft = true;
    this.#current = child.pid === undefined ? undefined : recordOf(child.pid);
    if (this.#current !== undefined) saveRecord(plan.recordFile, this.#current);
    if (this.#isStopping && putAwayEnv === undefined && this.#current !== undefined)
      killProcess(this.#current.pid, plan.stopSignal);
    return ended;
  }
}

/** Someone else's child: the kernel tells us nothing, so we look. */
async function untilGone(record: ProcessRecord): Promise<string> {
  while (isRunning(record)) await delay(ADOPTED_LOOK_MS);
  return "it was not this supervisor's child";
}

function openLog(file: string): number {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) > LOG_LIMIT_BYTES) renameSync(file, `${file}.1`);
  return openSync(file, "a", 0o600);
}
