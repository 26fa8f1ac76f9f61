import type { WebSocket } from "ws";

/** Bytes that may wait in a WebSocket for a slow reader before its writer waits, too. */
const MAX_BUFFERED_BYTES = 262_144;
const POLL_MS = 10;

/** Sends, and waits while more than the limit is waiting. A closed socket takes everything and keeps nothing. */
export async function sendWithBackpressure(socket: WebSocket, data: Buffer): Promise<void> {
  if (socket.readyState !== socket.OPEN) return;
  socket.send(data);
  // `ws` has no drain event: what is buffered has to be looked at.
  while (socket.bufferedAmount > MAX_BUFFERED_BYTES && socket.readyState === socket.OPEN) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
