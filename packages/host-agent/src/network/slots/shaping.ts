import { UPLINK } from "../names.ts";

/** What may leave at once after a silence: ten milliseconds' worth, and never less than the largest packet of the link. */
const BURST_SECONDS = 0.01;
const MIN_BURST_BYTES = 65_536;
/** How long a packet may wait in the queue before it is dropped, which is what tells the sender to slow down. */
const QUEUE_MS = 100;

/** A shell command, run in a slot's netns, that limits what leaves it to so many megabits a second; null takes the limit away. */
export function shapingCommand(egressMbps: number | null): string {
  // There may be none.
  if (egressMbps === null) return `tc qdisc del dev ${UPLINK} root 2>/dev/null || true`;
  const burstBytes = Math.max(MIN_BURST_BYTES, Math.round((egressMbps * 1e6 * BURST_SECONDS) / 8));
  const rate = `${Math.round(egressMbps * 1000)}kbit`;
  return `tc qdisc replace dev ${UPLINK} root tbf rate ${rate} burst ${burstBytes} latency ${QUEUE_MS}ms`;
}
