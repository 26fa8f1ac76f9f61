/** Cuts bytes into lines and parses each as JSON. */
export async function* readJsonLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<unknown> {
  let pending = Buffer.alloc(0);
  for await (const chunk of chunks) {
    let buffer = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    for (let at = buffer.indexOf(0x0a); at >= 0; at = buffer.indexOf(0x0a)) {
      yield JSON.parse(buffer.toString("utf8", 0, at));
      buffer = buffer.subarray(at + 1);
    }
    pending = Buffer.from(buffer);
  }
}
