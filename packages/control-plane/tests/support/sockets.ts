import { once } from "node:events";
import { WebSocket } from "ws";
import { waitFor } from "@pandastack/platform";
import { ADMIN_TOKEN, type Json } from "./server.ts";

/** A client's socket that remembers what it was sent. */
export class TestSocket {
  readonly socket: WebSocket;
  readonly messages: { text: string; isBinary: boolean }[] = [];
  closed: { code: number; reason: string } | undefined;

  constructor(url: string, options: { headers?: Record<string, string>; protocols?: string[] } = {}) {
    this.socket = new WebSocket(url.replace("http", "ws"), options.protocols ?? [], {
      headers: options.headers ?? { authorization: `Bearer ${ADMIN_TOKEN}` },
    });
    this.socket.on("message", (data, isBinary) =>
      this.messages.push({ text: (data as Buffer).toString("utf8"), isBinary }),
    );
    this.socket.on("close", (code, reason) => (this.closed = { code, reason: reason.toString("utf8") }));
  }

  async open(): Promise<this> {
    await once(this.socket, "open");
    return this;
  }

  /** The HTTP status that the upgrade was refused with, and the answer's body. */
  async refused(): Promise<{ status: number; body: Json }> {
    this.socket.on("error", () => {});
    const [, response] = (await once(this.socket, "unexpected-response")) as [
      unknown,
      NodeJS.ReadableStream & { statusCode: number },
    ];
    let text = "";
    for await (const chunk of response) text += String(chunk);
    return { status: response.statusCode, body: JSON.parse(text) };
  }

  get text(): string {
    return this.messages.map((message) => message.text).join("");
  }

  json(): Json[] {
    return this.messages.filter((message) => !message.isBinary).map((message) => JSON.parse(message.text));
  }

  async until(check: () => unknown, message: string): Promise<void> {
    await waitFor(() => Boolean(check()), {
      timeoutMs: 10_000,
      message: `${message}; seen: ${JSON.stringify(this.messages)} ${JSON.stringify(this.closed)}`,
    });
  }

  untilText(text: string): Promise<void> {
    return this.until(() => this.text.includes(text), `no ${JSON.stringify(text)} came`);
  }

  async untilClosed(): Promise<{ code: number; reason: string }> {
    await this.until(() => this.closed, "it was not closed");
    return this.closed!;
  }
}
