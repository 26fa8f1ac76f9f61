import type { HostSandboxState } from "@pandastack/contracts/host";
import type { Duplex } from "node:stream";
import { Fault, Refusal } from "@pandastack/platform";
import { GuestClient } from "../guest/client.ts";
import { GuestConnection } from "../guest/connection.ts";
import type { Machine } from "../runtimes/runtime.ts";
import type { SandboxRecord } from "./record.ts";
import { mayRun } from "./rules.ts";
import type { Started } from "./start.ts";

/** A guest whose host agent has just come back may be under any load. */
const RECONNECT_TIMEOUT_MS = 20_000;

/** One sandbox in this process: its record, and while it lives its machine and the way to its guest. */
export class SandboxEntry {
  record: SandboxRecord;
  #machine: Machine | undefined;
  #guest: GuestClient | undefined;
  #connecting: Promise<GuestClient> | undefined;
  /** Set while nobody may begin anything in it. */
  #shut: Promise<void> | undefined;
  #entering = 0;
  /** When its guest was last asked for something, by performance.now(). */
  usedAtMs = performance.now();

  constructor(record: SandboxRecord, life?: { machine: Machine; guest?: GuestClient }) {
    this.record = record;
    this.#machine = life?.machine;
    this.#guest = life?.guest;
  }

  get state(): HostSandboxState {
    return this.record.state;
  }

  /** The machine of a running or paused sandbox. */
  get machine(): Machine {
    if (!this.#machine)
      throw new Refusal("sandbox.invalid_state", `sandbox ${this.record.id} has no machine; it is ${this.state}`);
    return this.#machine;
  }

  isMachine(machine: Machine): boolean {
    return this.#machine === machine;
  }

  /** From here on the entry knows of no machine: what happens to the old one is no longer this sandbox's death. */
  leaveMachine(): Machine | undefined {
    const machine = this.#machine;
    this.#machine = undefined;
    this.#guest?.connection.close();
    this.#guest = undefined;
    return machine;
  }

  takeLife(started: Started): void {
    this.#machine = started.machine;
    this.#guest = started.guest;
    this.usedAtMs = performance.now();
  }

  /** The guest of a running sandbox; connects again when the connection was lost. Waits while it is shut. */
  async guest(): Promise<GuestClient> {
    while (this.#shut) await this.#shut;
    mayRun("guest", this.record);
    this.usedAtMs = performance.now();
    this.#entering++;
    try {
      return await this.connectedGuest();
    } finally {
      // Callers open their stream in the same turn as they get the guest: from the next one on that is counted.
      setImmediate(() => this.#entering--);
    }
  }

  /** Whether somebody is doing something in its guest. */
  get isOpen(): boolean {
    return this.#entering > 0 || (this.#guest?.connection.openStreams ?? 0) > 0;
  }

  /**
   * Does what ends or stops the guest: whoever comes meanwhile waits, and then meets the sandbox as it is by then, instead of
   * losing an answer half-way.
   */
  async whileShut<T>(work: () => Promise<T>): Promise<T> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#shut = promise;
    try {
      return await work();
    } finally {
      this.#shut = undefined;
      resolve();
    }
  }

  /** The same without a look at the state: for commands that go on with a paused machine. */
  async connectedGuest(): Promise<GuestClient> {
    if (this.#guest?.connection.isOpen) return this.#guest;
    this.#connecting ??= this.#connect().finally(() => (this.#connecting = undefined));
    return this.#connecting;
  }

  /** The connection as it is, if there is one. */
  get openGuest(): GuestClient | undefined {
    return this.#guest?.connection.isOpen ? this.#guest : undefined;
  }

  async #connect(): Promise<GuestClient> {
    const { machine } = this;
    const connection = new GuestConnection(await reach(machine));
    const { token } = machine;
    const hello = await connection.hello({
      resync: token === undefined,
      timeoutMs: RECONNECT_TIMEOUT_MS,
      ...(token === undefined ? {} : { token }),
    });
    this.#guest = new GuestClient(connection);
    this.#guest.correctClock(hello);
    return this.#guest;
  }
}

/** One that cannot be reached has died, or is about to, and that is soon known to all. */
async function reach(machine: Machine): Promise<Duplex> {
  try {
    return await machine.connect();
  } catch (error) {
    if (error instanceof Refusal || error instanceof Fault) throw error;
    throw new Fault("sandbox.guest_unreachable", "the sandbox's guest agent cannot be reached", { cause: error });
  }
}
