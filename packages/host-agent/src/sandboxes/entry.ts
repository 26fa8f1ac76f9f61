import type { HostSandboxState } from "@pandastack/contracts/host";
import { Refusal } from "@pandastack/platform";
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
  }

  /** The guest of a running sandbox; connects again when the connection was lost. */
  async guest(): Promise<GuestClient> {
    mayRun("guest", this.record);
    return this.connectedGuest();
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
    const connection = new GuestConnection(await this.machine.connect());
    const hello = await connection.hello({ resync: true, timeoutMs: RECONNECT_TIMEOUT_MS });
    this.#guest = new GuestClient(connection);
    this.#guest.correctClock(hello);
    return this.#guest;
  }
}
