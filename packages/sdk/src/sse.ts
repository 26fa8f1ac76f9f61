/** One frame of an event stream. `event` is "message" where the server named none. */
export interface ServerEvent {
  event: string;
  data: string;
}

/** Cuts a response body, in any chunking, into its frames. Comments (the server's heartbeats) are dropped. */
export async function* readServerEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent> {
  let pending = "";
  for await (const text of body.pipeThrough(new TextDecoderStream())) {
    pending += text;
    for (let end = pending.indexOf("\n\n"); end >= 0; end = pending.indexOf("\n\n")) {
      const frame = parseFrame(pending.slice(0, end));
      pending = pending.slice(end + 2);
      if (frame !== undefined) yield frame;
    }
  }
}

function parseFrame(text: string): ServerEvent | undefined {
  let event = "message";
  const data: string[] = [];
  for (const line of text.split("\n")) {
    if (line.startsWith("event:")) event = line.slice(6).trim();
    else if (line.startsWith("data:")) data.push(line.slice(line[5] === " " ? 6 : 5));
  }
  return data.length === 0 ? undefined : { event, data: data.join("\n") };
}
