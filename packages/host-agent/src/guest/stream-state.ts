import type { Fault, Refusal } from "@pandastack/platform";
import type { GuestConnection } from "./connection.ts";
import {
  Channel,
  FrameError,
  FrameType,
  INITIAL_CREDIT,
  MAX_PAYLOAD,
  encodeFrame,
  encodeJsonFrame,
  frameParts,
  type Frame,
} from "./frames.ts";
import { guestRefusal, type GuestErrorBody } from "./refusals.ts";

export type StreamItem =
  | { readonly kind: "data"; readonly channel: number; readonly data: Buffer }
  | { readonly kind: "end"; readonly channel: number }
  | { readonly kind: "event"; readonly event: Record<string, unknown> & { event: string } }
  | { readonly kind: "result"; readonly ok: unknown };

/** What was consumed is granted back in steps of this size: few frames, and never an empty window. */
const GRANT_STEP = INITIAL_CREDIT / 4;
/** Three channels' windows, plus what was consumed and is granted back while it is under way. */
const MAX_UNREAD_BYTES = 4 * INITIAL_CREDIT;
/** Events are not under credit: a watcher that nobody reads may have this many waiting. */
const MAX_UNREAD_ITEMS = 65_536;

/** One operation's stream as this side sees it: what came and was not read yet (bounded by credit), and what may be sent. */
export class StreamState implements AsyncIterable<StreamItem> {
  readonly #items: StreamItem[] = [];
  readonly #consumed = new Map<number, number>();
  #failure: Error | undefined;
  #finished = false;
  #wakeReaders: (() => void)[] = [];
  #unreadBytes = 0;
  #sendCredit = INITIAL_CREDIT;
  #wakeSenders: (() => void)[] = [];
  #connection: GuestConnection | undefined;
  #stream = 0;

  attach(stream: number, connection: GuestConnection): void {
    this.#stream = stream;
    this.#connection = connection;
  }

  receive(frame: Frame): void {
    switch (frame.type) {
      case FrameType.data:
        this.#put({ kind: "data", channel: frame.channel, data: frame.payload });
        break;
      case FrameType.end:
        this.#put({ kind: "end", channel: frame.channel });
        break;
      case FrameType.event:
        this.#put({ kind: "event", event: JSON.parse(frame.payload.toString()) });
        break;
      case FrameType.credit:
        this.#sendCredit += frame.payload.readUInt32LE(0);
        this.#releaseSenders();
        break;
      case FrameType.result: {
        const body = JSON.parse(frame.payload.toString()) as { ok?: unknown; error?: GuestErrorBody };
        this.#connection?.forget(this.#stream);
        if (body.error) this.fail(guestRefusal(body.error));
        else {
          this.#finished = true;
          this.#put({ kind: "result", ok: body.ok });
          this.#releaseSenders();
        }
        break;
      }
      default:
        // Not for a stream, or not from a guest: what a host does not understand does not concern it.
        break;
    }
  }

  /** Nothing more will come. What is already here can still be read. */
  fail(error: Refusal | Fault | Error): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#failure = error;
    this.#releaseReaders();
    this.#releaseSenders();
  }

  /** Next item; undefined after the result. Throws what the guest, or the loss of it, answered. */
  async next(): Promise<StreamItem | undefined> {
    for (;;) {
      const item = this.#items.shift();
      if (item) {
        if (item.kind === "data") {
          this.#unreadBytes -= item.data.length;
          this.#giveBack(item.channel, item.data.length);
        }
        return item;
      }
      if (this.#failure) throw this.#failure;
      if (this.#finished) return undefined;
      await new Promise<void>((resolve) => this.#wakeReaders.push(resolve));
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<StreamItem> {
    for (let item = await this.next(); item; item = await this.next()) yield item;
  }

  /** The result alone; data and events are passed over. */
  async result(): Promise<unknown> {
    for await (const item of this) if (item.kind === "result") return item.ok;
    return undefined;
  }

  /** Sends bytes on the host→guest channel as credit allows; false once the operation is over. */
  async send(data: Uint8Array): Promise<boolean> {
    for (let offset = 0; offset < data.length;) {
      while (this.#sendCredit === 0 && !this.#finished)
        await new Promise<void>((resolve) => this.#wakeSenders.push(resolve));
      if (this.#finished) return false;
      const size = Math.min(this.#sendCredit, MAX_PAYLOAD, data.length - offset);
      this.#sendCredit -= size;
      this.#write(...frameParts(FrameType.data, this.#stream, Channel.stdin, data.subarray(offset, offset + size)));
      offset += size;
      await this.#connection?.drained();
    }
    return !this.#finished;
  }

  end(): void {
    this.#write(encodeFrame(FrameType.end, this.#stream, Channel.stdin, Buffer.alloc(0)));
  }

  control(message: Record<string, unknown>): void {
    this.#write(encodeJsonFrame(FrameType.control, this.#stream, message));
  }

  cancel(options: { kill: boolean }): void {
    this.#write(encodeJsonFrame(FrameType.cancel, this.#stream, options));
    // What still comes until the guest's RESULT is read by nobody: keep its credit flowing so that the stream can end.
    void this.result().catch(() => {});
  }

  #write(...frame: Uint8Array[]): void {
    if (!this.#finished) this.#connection?.write(...frame);
  }

  #put(item: StreamItem): void {
    if (item.kind === "data") this.#unreadBytes += item.data.length;
    // The guest is not trusted to keep to its credit: one that floods loses its connection, not the host its memory.
    if (this.#unreadBytes > MAX_UNREAD_BYTES || this.#items.length > MAX_UNREAD_ITEMS) {
      throw new FrameError(`the guest sent more than it was granted on stream ${this.#stream}`);
    }
    this.#items.push(item);
    this.#releaseReaders();
  }

  #releaseReaders(): void {
    const waiting = this.#wakeReaders;
    this.#wakeReaders = [];
    for (const wake of waiting) wake();
  }

  #releaseSenders(): void {
    const waiting = this.#wakeSenders;
    this.#wakeSenders = [];
    for (const wake of waiting) wake();
  }

  #giveBack(channel: number, bytes: number): void {
    const total = (this.#consumed.get(channel) ?? 0) + bytes;
    if (total < GRANT_STEP || this.#finished) this.#consumed.set(channel, total);
    else {
      this.#consumed.set(channel, 0);
      this.#connection?.grant(this.#stream, channel, total);
    }
  }
}
