import type { Kernel } from "../kernel/kernel.ts";
import { closePipeEnd, PIPE_BYTES, writePipe } from "../kernel/pipes.ts";
import { signalName } from "../kernel/signals.ts";
import { typeInto } from "../kernel/terminals.ts";
import type { CommandRecord } from "../world/world.ts";
import type { OperationContext } from "./operation.ts";
import type { GuestStream } from "./stream.ts";

/** Everyone who listens to a command just now. Dies with the peer: not part of the world. */
const listening = new WeakMap<CommandRecord, Set<Attachment>>();

export function attachmentsOf(record: CommandRecord): Set<Attachment> {
  let all = listening.get(record);
  if (all === undefined) listening.set(record, (all = new Set()));
  return all;
}

/** One stream's view of a command: what was kept, then what comes; input the other way. */
export class Attachment {
  readonly #kernel: Kernel;
  readonly #stream: GuestStream;
  readonly #record: CommandRecord;
  /** Output that waits for credit, in order. */
  #queue: { channel: number; data: Buffer }[] = [];
  #input: Buffer[] = [];
  #inputEnded = false;

  constructor({ kernel, stream }: OperationContext, record: CommandRecord, replay: boolean) {
    this.#kernel = kernel;
    this.#stream = stream;
    this.#record = record;
    stream.listener = {
      data: (_channel, data) => void this.#input.push(data),
      end: () => void (this.#inputEnded = true),
      control: (message) => this.#control(message),
      cancel: (kill) => {
        if (kill && record.result === null) kernel.signalGroup(record.pid, "SIGKILL");
        this.#leave();
      },
      lost: () => this.#leave(),
      pump: () => this.#pump(),
    };
    stream.event({ event: "started", id: record.id, pid: record.pid });
    if (replay) {
      this.#queue = [...record.replay];
      const bytes = (channel: number): number =>
        record.replay.reduce((sum, part) => sum + (part.channel === channel ? part.data.length : 0), 0);
      stream.event({ event: "replay", stdout_bytes: bytes(1), stderr_bytes: bytes(2) });
    }
    attachmentsOf(record).add(this);
    kernel.wake();
  }

  /** How much more of this channel may be taken from the command for this listener. */
  room(channel: number): number {
    return this.#queue.length > 0 ? 0 : Math.max(0, this.#stream.credit(channel));
  }

  give(channel: number, data: Buffer): void {
    this.#queue.push({ channel, data });
    this.#pump();
  }

  #pump(): boolean {
    let hasMoved = this.#pumpInput();
    while (this.#queue.length > 0) {
      const next = this.#queue[0]!;
      const count = Math.min(next.data.length, Math.max(0, this.#stream.credit(next.channel)));
      if (count === 0 && next.data.length > 0) return hasMoved;
      this.#stream.data(next.channel, next.data.subarray(0, count));
      hasMoved = true;
      if (count < next.data.length) this.#queue[0] = { channel: next.channel, data: next.data.subarray(count) };
      else this.#queue.shift();
    }
    if (this.#record.result === null || this.#stream.isOver) return hasMoved;
    this.#stream.end(1);
    if (this.#record.terminal === null) this.#stream.end(2);
    this.#stream.ok(this.#record.result);
    this.#leave();
    return true;
  }

  #pumpInput(): boolean {
    const { world } = this.#kernel;
    const terminal = this.#record.terminal === null ? undefined : world.terminals.get(this.#record.terminal);
    const pipe = this.#record.stdinPipe === null ? undefined : world.pipes.get(this.#record.stdinPipe);
    let hasMoved = false;
    while (this.#input.length > 0) {
      const data = this.#input[0]!;
      let taken = data.length;
      if (terminal !== undefined) {
        const signal = typeInto(world, terminal, data);
        if (signal !== undefined) this.#kernel.signalGroup(terminal.foreground, signal);
      } else if (pipe !== undefined && pipe.readers > 0) {
        if (pipe.bytes >= PIPE_BYTES) return hasMoved;
        taken = writePipe(pipe, data);
      }
      this.#stream.consumed(0, taken);
      hasMoved = true;
      if (taken < data.length) this.#input[0] = data.subarray(taken);
      else this.#input.shift();
    }
    if (!this.#inputEnded) return hasMoved;
    this.#inputEnded = false;
    if (terminal !== undefined) typeInto(world, terminal, Buffer.from([4]));
    else if (pipe !== undefined && pipe.writers > 0) closePipeEnd(world, pipe.id, "write");
    return true;
  }

  #control(message: { signal?: string; resize?: { rows: number; cols: number } }): void {
    const name = message.signal === undefined ? undefined : signalName(message.signal);
    if (name !== undefined && this.#record.result === null) this.#kernel.signalGroup(this.#record.pid, name);
    const terminal =
      this.#record.terminal === null ? undefined : this.#kernel.world.terminals.get(this.#record.terminal);
    if (message.resize !== undefined && terminal !== undefined) {
      terminal.rows = message.resize.rows;
      terminal.cols = message.resize.cols;
      this.#kernel.signalGroup(terminal.foreground, "SIGWINCH");
    }
  }

  #leave(): void {
    attachmentsOf(this.#record).delete(this);
  }
}
