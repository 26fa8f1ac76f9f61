import { randomBytes } from "node:crypto";
import type { Duplex } from "node:stream";
import { Fault, Refusal, withTimeout } from "@pandastack/platform";
import type { StreamState } from "./stream-state.ts";
import {
  FrameParser,
  FrameType,
  HEADER_BYTES,
  MAX_PAYLOAD,
  RESYNC_PAD_BYTES,
  encodeFrame,
  encodeJsonFrame,
  type Frame,
} from "./frames.ts";

const NS_PER_MS = 1_000_000n;
export const wallClockNs = (): string => (BigInt(Date.now()) * NS_PER_MS).toString();

/** What makes a restored or forked guest itself; see docs/guest-protocol.md, HELLO. */
export interface GuestRefresh {
  generation: string;
  entropy?: string;
  hostname?: string;
  machine_id?: string;
  boot_id?: string;
  token?: string;
  env?: Record<string, string>;
  reset_connections?: boolean;
  hooks?: boolean;
}

export interface HelloOk {
  readonly version: number;
  readonly agent: string;
  readonly features: readonly string[];
  readonly time_ns: string;
  readonly boot_id: string;
  /** The streams of before go on. */
  readonly continues?: boolean;
}

export interface HelloOptions {
  /** True when the guest may be in the middle of a frame: after this process's own restart. */
  readonly resync: boolean;
  readonly refresh?: GuestRefresh;
  readonly token?: string;
  readonly timeoutMs: number;
  /** On the channel that takes the place of one that was hung up: with the same streams, if the guest still knows them. */
  readonly continues?: boolean;
}

const PROTOCOL_VERSION = 1;
/** Inbound bytes that may pass before HELLO_OK: what a guest that lost its peer mid-frame can still have had under way. */
const MAX_BYTES_BEFORE_HELLO_OK = 4 * 1024 * 1024;
/**
 * An older guest agent may hear of its former host's end after it has read this one's HELLO, and forget it for that. What
 * is opened on HELLO_OK comes after all of these.
 */
const HELLO_AGAIN_MS = 2_000;
/** A guest that has come to rest hangs up within a millisecond; on a busy machine it waits for its turn. */
const HANG_UP_TIMEOUT_MS = 5_000;

/**
 * One connection to a guest agent: frames in and out, streams by number. Holds no queue of its own: what a stream's reader
 * does not take stays in the guest (credit), what the channel does not take makes `write` wait.
 */
export class GuestConnection {
  #channel!: Duplex;
  readonly #streams = new Map<number, StreamState>();
  readonly #parser = new FrameParser();
  #nextStream = 1;
  #closed: Error | undefined;
  #closeListeners: ((error: Error) => void)[] = [];
  #drain: Promise<void> | undefined;
  #held: Uint8Array[] | undefined;
  #isHungUp = false;
  /** Set from HELLO to HELLO_OK. `found`: the answer's header was seen, frames follow. */
  #greeting: Greeting | undefined;

  constructor(channel: Duplex) {
    this.#use(channel);
  }

  #use(channel: Duplex): void {
    this.#channel = channel;
    const lost = (error: Error): void => {
      if (this.#channel === channel && !this.#isHungUp) this.#fail(error);
    };
    channel.on("data", (chunk: Buffer) => this.#receive(chunk));
    channel.on("error", lost);
    channel.on("close", () => lost(new Error("the guest channel was closed")));
  }

  get isOpen(): boolean {
    return this.#closed === undefined;
  }

  /** Operations under way, of callers that still wait for something of theirs. */
  get openStreams(): number {
    return this.#streams.size;
  }

  onClose(listener: (error: Error) => void): void {
    if (this.#closed) listener(this.#closed);
    else this.#closeListeners.push(listener);
  }

  /** Introduces this side; resolves when the guest is itself and answers. */
  async hello(options: HelloOptions): Promise<HelloOk> {
    const nonce = randomBytes(16).toString("hex");
    if (this.#closed) throw this.#unreachable();
    const answer = new Promise<HelloOk>((resolve, reject) => {
      this.#greeting = {
        marker: Buffer.from(`{"nonce":"${nonce}"`),
        held: Buffer.alloc(0),
        seenBytes: 0,
        found: options.continues === true,
        resolve,
        reject,
      };
    });
    const timer = setTimeout(() => {
      this.#greeting?.reject(
        new Fault("sandbox.guest_unreachable", "the sandbox's guest agent did not answer in time"),
      );
    }, options.timeoutMs);
    const say = (): void => {
      if (options.resync) this.#channel.write(Buffer.alloc(RESYNC_PAD_BYTES));
      this.#channel.write(
        encodeJsonFrame(FrameType.hello, 0, {
          nonce,
          version: PROTOCOL_VERSION,
          ...(options.token === undefined ? {} : { token: options.token }),
          time_ns: wallClockNs(),
          ...(options.continues === true && { continues: true }),
          ...(options.refresh === undefined ? {} : { refresh: options.refresh }),
        }),
      );
    };
    say();
    const again = options.resync ? setInterval(say, HELLO_AGAIN_MS) : undefined;
    try {
      return await answer;
    } finally {
      clearTimeout(timer);
      clearInterval(again);
      this.#greeting = undefined;
    }
  }

  /** Starts an operation. The state collects what the guest says on its stream. */
  open(op: string, args: Record<string, unknown>, state: StreamState): void {
    if (this.#closed) throw this.#unreachable();
    const request = Buffer.from(JSON.stringify({ op, args }));
    if (request.length > MAX_PAYLOAD) {
      const size = `${request.length} bytes with its arguments and environment; at most ${MAX_PAYLOAD} can be sent`;
      throw new Refusal(
        "validation.body_too_large",
        `the request to the sandbox is ${size}. Put long content into a file first`,
      );
    }
    const stream = this.#nextStream++;
    state.attach(stream, this);
    this.#streams.set(stream, state);
    this.write(encodeFrame(FrameType.open, stream, 0, request));
  }

  /** One frame, whole or in parts. True when more may be written at once; otherwise await `drained()` first. */
  write(...frame: Uint8Array[]): boolean {
    if (this.#closed) return true;
    if (this.#held) {
      this.#held.push(...frame);
      return false;
    }
    this.#channel.cork();
    for (const part of frame) this.#channel.write(part);
    this.#channel.uncork();
    return !this.#channel.writableNeedDrain;
  }

  /**
   * From now on frames wait here instead of reaching the guest: between `quiesce` and the end of a snapshot not a byte may
   * be under way. What waits is bounded by the streams' credit.
   */
  hold(): void {
    this.#held ??= [];
  }

  /** Ends `hold`. The ping tells the guest that it may speak again even if nothing waited. */
  release(): void {
    const held = this.#held;
    this.#held = undefined;
    if (!held) return;
    for (const frame of held) this.write(frame);
    this.write(encodeFrame(FrameType.ping, 0, 0, Buffer.alloc(0)));
  }

  /**
   * Between `hold` and `release`, as the guest was told: both ends of the channel are closed, and nothing else. Streams wait for `goOn`, as they do
   * for the end of the silence.
   */
  async hangUp(): Promise<void> {
    const channel = this.#channel;
    this.#isHungUp = true;
    const closed = new Promise<void>((resolve) => channel.once("close", resolve));
    channel.end();
    try {
      await withTimeout(closed, HANG_UP_TIMEOUT_MS, "the guest agent did not hang up");
    } catch (error) {
      this.close();
      throw new Fault("sandbox.guest_unreachable", "the sandbox's guest agent did not get ready for a snapshot", {
        cause: error,
      });
    }
  }

  /** Where a snapshot or a pause needed that nobody was connected. */
  get isHungUp(): boolean {
    return this.#isHungUp && this.isOpen;
  }

  /** Ends `hangUp` on another channel. What was held is still held. Fails where the guest has begun anew, as do the streams. */
  async goOn(channel: Duplex, options: { token?: string | undefined; timeoutMs: number }): Promise<void> {
    this.#isHungUp = false;
    this.#use(channel);
    const { token, timeoutMs } = options;
    try {
      const hello = await this.hello({
        resync: false,
        timeoutMs,
        continues: true,
        ...(token !== undefined && { token }),
      });
      if (hello.continues === true) return;
    } catch (error) {
      this.close();
      throw error;
    }
    this.close();
    throw this.#unreachable();
  }

  drained(): Promise<void> {
    if (this.#closed || !this.#channel.writableNeedDrain) return Promise.resolve();
    this.#drain ??= new Promise((resolve) => {
      const done = () => {
        this.#channel.off("drain", done);
        this.#channel.off("close", done);
        this.#drain = undefined;
        resolve();
      };
      this.#channel.on("drain", done);
      this.#channel.on("close", done);
    });
    return this.#drain;
  }

  forget(stream: number): void {
    this.#streams.delete(stream);
  }

  grant(stream: number, channel: number, bytes: number): void {
    const payload = Buffer.alloc(4);
    payload.writeUInt32LE(bytes);
    this.write(encodeFrame(FrameType.credit, stream, channel, payload));
  }

  close(): void {
    this.#channel.destroy();
    this.#fail(new Error("closed by the host agent"));
  }

  #receive(chunk: Buffer): void {
    const bytes = this.#greeting && !this.#greeting.found ? findHelloOk(this.#greeting, chunk) : chunk;
    if (bytes === undefined) return;
    try {
      for (const frame of this.#parser.push(bytes)) this.#dispatch(frame);
    } catch (error) {
      this.#channel.destroy();
      this.#fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #dispatch(frame: Frame): void {
    if (frame.type === FrameType.helloOk) this.#greeting?.resolve(JSON.parse(frame.payload.toString()) as HelloOk);
    else this.#streams.get(frame.stream)?.receive(frame);
  }

  #unreachable(): Fault {
    return new Fault("sandbox.guest_unreachable", "the connection to the sandbox's guest agent is lost", {
      cause: this.#closed,
    });
  }

  #fail(error: Error): void {
    if (this.#closed) return;
    this.#closed = error;
    const lost = this.#unreachable();
    this.#greeting?.reject(lost);
    for (const state of this.#streams.values()) state.fail(lost);
    this.#streams.clear();
    for (const listener of this.#closeListeners) listener(error);
    this.#closeListeners = [];
  }
}

interface Greeting {
  readonly marker: Buffer;
  readonly resolve: (hello: HelloOk) => void;
  readonly reject: (error: Error) => void;
  held: Buffer;
  seenBytes: number;
  found: boolean;
}

/** Skips what a former peer's streams left under way; answers the bytes from HELLO_OK's header on, once they are there. */
function findHelloOk(greeting: Greeting, chunk: Buffer): Buffer | undefined {
  greeting.seenBytes += chunk.length;
  const buffer = greeting.held.length === 0 ? chunk : Buffer.concat([greeting.held, chunk]);
  const at = buffer.indexOf(greeting.marker);
  if (at >= HEADER_BYTES) {
    greeting.found = true;
    return buffer.subarray(at - HEADER_BYTES);
  }
  if (greeting.seenBytes > MAX_BYTES_BEFORE_HELLO_OK) {
    greeting.reject(new Fault("sandbox.guest_unreachable", "the sandbox's guest agent does not answer"));
    return undefined;
  }
  greeting.held = Buffer.from(buffer.subarray(Math.max(0, buffer.length - greeting.marker.length - HEADER_BYTES)));
  return undefined;
}
