import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { connect, isIPv6 } from "node:net";
import { MAX_TCP_ANSWER_BYTES, SERVER_TIMEOUT_MS } from "./limits.ts";
import { answersQuery, withId } from "./message.ts";
import { frame, FrameReader } from "./tcp-frames.ts";

export interface Exchange {
  readonly query: Buffer;
  readonly questionEnd: number;
  readonly server: string;
  readonly port: number;
  readonly signal: AbortSignal;
}

/** One way to ask one server. The answer bears the query's id again; undefined when none came in time. */
export type Ask = (exchange: Exchange) => Promise<Buffer | undefined>;

/**
 * Over UDP, from a fresh socket: the kernel picks a random port, we a random id, and a connected socket hears its server only.
 * Whoever wants to slip in a forged answer has to guess both.
 */
export const askByUdp: Ask = ({ query, questionEnd, server, port, signal }) => {
  const outgoing = withId(query, randomInt(65_536));
  return new Promise((resolve) => {
    const socket = createSocket(isIPv6(server) ? "udp6" : "udp4");
    const timer = setTimeout(() => finish(undefined), SERVER_TIMEOUT_MS);
    const finish = (answer: Buffer | undefined): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", giveUp);
      // A late answer or error must not find a listener gone: close() may still deliver both.
      socket.removeAllListeners("message");
      try {
        socket.close();
      } catch {
        // Closed already.
      }
      resolve(answer && withId(answer, query.readUInt16BE(0)));
    };
    const giveUp = (): void => finish(undefined);
    signal.addEventListener("abort", giveUp, { once: true });
    socket.on("error", giveUp);
    socket.on("message", (answer) => {
      if (answersQuery(answer, outgoing, questionEnd)) finish(answer);
    });
    socket.connect(port, server, () => socket.send(outgoing));
  });
};

/** Over TCP, for askers that came by TCP: their answer is likely too large for UDP. */
export const askByTcp: Ask = ({ query, questionEnd, server, port, signal }) => {
  const outgoing = withId(query, randomInt(65_536));
  return new Promise((resolve) => {
    const socket = connect({ host: server, port });
    const timer = setTimeout(() => finish(undefined), SERVER_TIMEOUT_MS);
    const finish = (answer: Buffer | undefined): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", giveUp);
      socket.destroy();
      resolve(answer && withId(answer, query.readUInt16BE(0)));
    };
    const giveUp = (): void => finish(undefined);
    signal.addEventListener("abort", giveUp, { once: true });
    const reader = new FrameReader(MAX_TCP_ANSWER_BYTES);
    socket.on("error", giveUp);
    socket.on("close", giveUp);
    socket.on("data", (chunk) => {
      const answer = reader.push(chunk)?.find((message) => answersQuery(message, outgoing, questionEnd));
      if (answer) finish(answer);
    });
    socket.write(frame(outgoing));
  });
};
