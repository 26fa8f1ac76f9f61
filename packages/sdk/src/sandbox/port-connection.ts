import { Duplex } from "node:stream";
import { ConnectionError } from "../errors/errors.ts";
import { type CallOptions, type Http } from "../transport/http.ts";
import { type Channel, openSocket } from "../transport/socket.ts";

const NORMAL_CLOSE = 1000;
/** Said to the server when this side has no more to send, and goes on listening. */
const END_MESSAGE = JSON.stringify({ end: true });

/** A TCP connection to a port in a sandbox, as a stream of bytes both ways. Each side waits for the other. */
export async function connectPort(
  http: Http,
  sandboxPath: string,
  port: number,
  options: CallOptions,
): Promise<PortConnection> {
  return new PortConnection(await openSocket(http, `${sandboxPath}/tcp/${port}`, {}, options));
}

/** A TCP connection to a port inside a sandbox: what is written goes there, what comes from there is read. */
export class PortConnection extends Duplex {
  readonly #channel: Channel;
  #isReading = false;

  constructor(channel: Channel) {
    super({ allowHalfOpen: true });
    this.#channel = channel;
  }

  override _read(): void {
    if (this.#isReading) return;
    this.#isReading = true;
    void this.#pull();
  }

  /** Until the reader has enough. */
  async #pull(): Promise<void> {
    for (;;) {
      const next = await this.#channel.incoming.next();
      if (next.done === true) return this.#end(next.value.code);
      if (!next.value.isBinary || this.push(next.value.data)) continue;
      this.#isReading = false;
      return;
    }
  }

  #end(code: number): void {
    if (code === NORMAL_CLOSE) this.push(null);
    else if (!this.destroyed) this.destroy(new ConnectionError("the connection to the port in the sandbox is lost"));
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#channel.socket.send(chunk, { binary: true }, (error) => done(error ?? null));
  }

  override _final(done: (error?: Error | null) => void): void {
    const { socket } = this.#channel;
    if (socket.readyState !== socket.OPEN) return done();
    socket.send(END_MESSAGE, { binary: false }, () => done());
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#channel.socket.terminate();
    done(error);
  }
}
