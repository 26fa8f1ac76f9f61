import type { ServerResponse } from "node:http";

/** That many bytes, as fast as they are read. */
export function sendEndless(response: ServerResponse, bytes: number): void {
  const block = Buffer.alloc(65_536, "e");
  let left = bytes;
  const more = () => {
    while (left > 0) {
      const part = left >= block.length ? block : block.subarray(0, left);
      left -= part.length;
      if (!response.write(part)) return void response.once("drain", more);
    }
    response.end();
  };
  more();
}
