import type { Duplex } from "node:stream";
import { encodeFrame, encodeJsonFrame, FrameType, type Frame } from "../../../guest/frames.ts";
import { KernelError, protocolCode } from "../world/errors.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Change } from "../fs/changes.ts";
import { applyHello, type Hello } from "./hello.ts";
import { operations } from "./operations.ts";
import { GuestParser } from "./parser.ts";
import { GuestStream, OperationError } from "./stream.ts";

const PROTOCOL_VERSION = 1;
const FEATURES = ["exec", "pty", "fs", "watch", "xattr", "tcp", "metrics", "clock"];

/**
 * The guest agent of a fake guest: the real protocol over a byte stream. It keeps nothing of its own that must survive a
 * snapshot: commands and their replay are in the world; streams die with their peer, as the protocol says.
 */
export class FakeAgent {
  readonly kernel: Kernel;
  readonly #parser = new GuestParser();
  readonly #streams = new Map<number, GuestStream>();
  readonly #powerOff: () => void;
  #channel: Duplex | undefined;
  /** Frames kept back between `quiesce` and the next frame of the host; undefined when talking. */
  #quiet: Buffer[] | undefined;

  constructor(kernel: Kernel, powerOff: () => void) {
    this.kernel = kernel;
    this.#powerOff = powerOff;
  }

  /** A peer has come; the one before is gone. */
  connect(channel: Duplex): void {
    this.#disconnect();
    this.#channel = channel;
    channel.on("data", (chunk: Buffer) => {
      if (channel !== this.#channel) return;
      for (const frame of this.#parser.push(chunk)) this.#receive(frame);
      this.kernel.wake();
    });
    channel.on("drain", () => this.kernel.wake());
    channel.on("error", () => undefined);
    const lost = (): void => {
      if (channel === this.#channel) this.#disconnect();
    };
    channel.on("end", lost);
    channel.on("close", lost);
    if (!this.kernel.isRunning) channel.pause();
  }

  /** The virtual machine stands still: nothing is read from the port. */
  pause(): void {
    this.#channel?.pause();
  }

  resume(): void {
    this.#channel?.resume();
  }

  #disconnect(): void {
    const channel = this.#channel;
    this.#channel = undefined;
    this.#forgetPeer();
    channel?.destroy();
  }

  #forgetPeer(): void {
    this.#parser.reset();
    this.#quiet = undefined;
    for (const stream of [...this.#streams.values()]) {
      stream.listener.lost?.();
      stream.drop();
    }
  }

  pump(): boolean {
    if (this.#quiet !== undefined || this.#channel?.writableNeedDrain === true) return false;
    let hasMoved = false;
    for (const stream of [...this.#streams.values()]) if (stream.listener.pump?.() === true) hasMoved = true;
    return hasMoved;
  }

  changed(change: Change): void {
    for (const watcher of this.watchers) watcher(change);
  }

  readonly watchers = new Set<(change: Change) => void>();

  /** From now on nothing is sent until the host speaks. */
  keepQuiet(): void {
    this.#quiet = [];
  }

  powerOff(): void {
    this.#powerOff();
  }

  #send(frame: Buffer): void {
    if (this.#quiet !== undefined) this.#quiet.push(frame);
    else if (this.#channel?.writable === true) this.#channel.write(frame);
  }

  #receive(frame: Frame): void {
    const held = this.#quiet;
    this.#quiet = undefined;
    for (const kept of held ?? []) this.#send(kept);
    const stream = this.#streams.get(frame.stream);
    switch (frame.type) {
      case FrameType.hello:
        return this.#hello(json(frame) as Hello);
      case FrameType.open:
        return this.#open(frame.stream, json(frame) as { op: string; args?: Record<string, unknown> });
      case FrameType.ping:
        return this.#send(encodeFrame(FrameType.pong, 0, 0, frame.payload));
      case FrameType.data:
        return stream?.listener.data?.(frame.channel, Buffer.from(frame.payload));
      case FrameType.end:
        return stream?.listener.end?.(frame.channel);
      case FrameType.credit:
        return stream?.addCredit(frame.channel, frame.payload.readUInt32LE(0));
      case FrameType.cancel:
        stream?.listener.cancel?.((json(frame) as { kill?: boolean }).kill === true);
        return stream?.error("cancelled", "cancelled");
      case FrameType.control:
        return stream?.listener.control?.(json(frame) as object);
      default:
    }
  }

  #hello(hello: Hello): void {
    for (const stream of [...this.#streams.values()]) {
      stream.listener.lost?.();
      stream.drop();
    }
    applyHello(this.kernel, hello);
    const timeNs = BigInt(Math.floor(this.kernel.wallMs() * 1000)) * 1000n;
    this.#send(
      encodeJsonFrame(FrameType.helloOk, 0, {
        nonce: hello.nonce,
        version: PROTOCOL_VERSION,
        agent: "0.1.0",
        features: FEATURES,
        time_ns: String(timeNs),
        boot_id: this.kernel.world.bootId,
      }),
    );
  }

  #open(id: number, request: { op: string; args?: Record<string, unknown> }): void {
    const stream = new GuestStream(
      id,
      (frame) => this.#send(frame),
      () => this.#streams.delete(id),
    );
    this.#streams.set(id, stream);
    const operation = operations[request.op];
    try {
      if (operation === undefined) throw new OperationError("unsupported", `unknown operation ${request.op}`);
      operation({ agent: this, kernel: this.kernel, stream }, request.args ?? {});
    } catch (error) {
      if (error instanceof OperationError) stream.error(error.code, error.message);
      else if (error instanceof KernelError) stream.error(protocolCode(error.errno), error.message);
      else throw error;
    }
  }
}

function json(frame: Frame): unknown {
  try {
    return JSON.parse(frame.payload.toString());
  } catch {
    return {};
  }
}
