import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { AGENT_PORT } from "./addresses.ts";

/**
 * A restored guest answers within 3 ms. A packet that came before its link did is lost, and the kernel says it again only after a
 * second: so we ask again sooner, and on a host that is busy with more and more patience.
 */
const FIRST_ATTEMPT_MS = 50;
const LONGEST_ATTEMPT_MS = 2_000;
const PAUSE_MS = 2;
const TIMEOUT_MS = 20_000;

/** A connection to the agent, by the slot's address on the host: open whatever the sandbox's policy is. */
export async function connectAgent(hostIp: string, isDead: () => boolean): Promise<Socket> {
  const deadline = performance.now() + TIMEOUT_MS;
  for (let attemptMs = FIRST_ATTEMPT_MS; ; attemptMs = Math.min(2 * attemptMs, LONGEST_ATTEMPT_MS)) {
    const socket = await attempt(hostIp, attemptMs);
    if (!(socket instanceof Error)) return socket;
    if (isDead()) throw new Error("the sandbox's process ended before its agent could be reached", { cause: socket });
    if (performance.now() > deadline) throw new Error("the sandbox's agent cannot be reached", { cause: socket });
    await delay(PAUSE_MS);
  }
}

function attempt(host: string, attemptMs: number): Promise<Socket | Error> {
  return new Promise((resolve) => {
    const socket = connect({ host, port: AGENT_PORT, noDelay: true });
    const timer = setTimeout(() => give(new Error("no answer")), attemptMs);
    const give = (outcome: Socket | Error): void => {
      clearTimeout(timer);
      socket.removeAllListeners();
      if (outcome instanceof Error) {
        socket.on("error", () => undefined);
        socket.destroy();
      }
      resolve(outcome);
    };
    socket.once("connect", () => give(socket));
    socket.once("error", give);
  });
}
