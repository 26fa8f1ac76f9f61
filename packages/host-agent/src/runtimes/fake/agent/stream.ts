import { encodeFrame, encodeJsonFrame, FrameType, INITIAL_CREDIT, MAX_PAYLOAD } from "../../../guest/frames.ts";

/** A refusal of the guest agent, with a code of docs/guest-protocol.md. */
export class OperationError extends Error {
  override readonly name = "OperationError";
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** What an operation wants to hear of its stream. */
export interface StreamListener {
  data?(channel: number, data: Buffer): void;
  end?(channel: number): void;
  control?(message: { signal?: string; resize?: { rows: number; cols: number } }): void;
  cancel?(kill: boolean): void;
  /** The peer is gone; nothing can be sent any more. */
  lost?(): void;
  /** Called in every turn of the guest: move what can move. True when something did. */
  pump?(): boolean;
}

/** One operation's stream as the guest sees it: frames out within the host's credit, credit back for what was consumed. */
export class GuestStream {
  readonly id: number;
  listener: StreamListener = {};
  readonly #send: (frame: Buffer) => void;
  readonly #close: () => void;
  readonly #credit = new Map<number, number>();
  readonly #consumed = new Map<number, number>();
  #isOver = false;

  constructor(id: number, send: (frame: Buffer) => void, close: () => void) {
    this.id = id;
    this.#send = send;
    this.#close = close;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Bytes that the host is ready for on this channel. */
  credit(channel: number): number {
    return this.#credit.get(channel) ?? INITIAL_CREDIT;
  }

  addCredit(channel: number, bytes: number): void {
    this.#credit.set(channel, this.credit(channel) + bytes);
  }

  /** At most `credit(channel)` bytes. */
  data(channel: number, data: Buffer): void {
    if (this.#isOver) return;
    this.#credit.set(channel, this.credit(channel) - data.length);
    for (let at = 0; at < data.length; at += MAX_PAYLOAD) {
      this.#send(encodeFrame(FrameType.data, this.id, channel, data.subarray(at, at + MAX_PAYLOAD)));
    }
  }

  end(channel: number): void {
    if (!this.#isOver) this.#send(encodeFrame(FrameType.end, this.id, channel, Buffer.alloc(0)));
  }

  event(event: Record<string, unknown>): void {
    if (!this.#isOver) this.#send(encodeJsonFrame(FrameType.event, this.id, event));
  }

  /** The operation has used up bytes it was sent: the host may send as many again. */
  consumed(channel: number, bytes: number): void {
    const total = (this.#consumed.get(channel) ?? 0) + bytes;
    if (total < INITIAL_CREDIT / 4 || this.#isOver) return void this.#consumed.set(channel, total);
    this.#consumed.set(channel, 0);
    const payload = Buffer.alloc(4);
    payload.writeUInt32LE(total);
    this.#send(encodeFrame(FrameType.credit, this.id, channel, payload));
  }

  ok(value: unknown): void {
    this.#finish({ ok: value });
  }

  error(code: string, message: string): void {
    this.#finish({ error: { code, message } });
  }

  #finish(result: unknown): void {
    if (this.#isOver) return;
    this.#send(encodeJsonFrame(FrameType.result, this.id, result));
    this.drop();
  }

  /** Forgets the stream without a word. */
  drop(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#close();
  }
}
