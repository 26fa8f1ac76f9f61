import { readUnlessSilent, SILENCE_LIMIT_MS } from "./silence.ts";

/** One frame of an event stream. `event` is "message" where the server named none. */
export interface ServerEvent {
  event: string;
  data: string;
}

/** Cuts a response body, in any chunking and with any line ends, into its frames. Comments (the server's heartbeats) are dropped. */
export async function* readServerEvents(
  body: ReadableStream<Uint8Array>,
  silenceLimitMs: number = SILENCE_LIMIT_MS,
): AsyncGenerator<ServerEvent, void> {
  const decoder = new TextDecoder();
  const parser = new ServerEventParser();
  for await (const chunk of readUnlessSilent(body, silenceLimitMs))
    yield* parser.push(decoder.decode(chunk, { stream: true }));
}

/** Lines end with LF, CR or both; a frame with an empty line. What is left at the end of the text was cut off: it is no frame. */
export class ServerEventParser {
  #line = "";
  #event = "";
  #data: string[] = [];
  /** The text so far ended with CR: a LF that follows belongs to it. */
  #endedWithCr = false;

  push(text: string): ServerEvent[] {
    const frames: ServerEvent[] = [];
    if (text === "") return frames;
    const rest = this.#endedWithCr && text.startsWith("\n") ? text.slice(1) : text;
    this.#endedWithCr = text.endsWith("\r");
    const lines = rest.split(/\r\n|\n|\r/);
    lines[0] = this.#line + (lines[0] ?? "");
    this.#line = lines.pop() ?? "";
    for (const line of lines) {
      if (line !== "") this.#field(line);
      else {
        if (this.#data.length > 0) frames.push({ event: this.#event || "message", data: this.#data.join("\n") });
        this.#event = "";
        this.#data = [];
      }
    }
    return frames;
  }

  #field(line: string): void {
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const name = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? "" : line.slice(colon + (line[colon + 1] === " " ? 2 : 1));
    if (name === "event") this.#event = value;
    else if (name === "data") this.#data.push(value);
  }
}
