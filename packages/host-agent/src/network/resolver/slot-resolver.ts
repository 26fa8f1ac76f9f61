import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { once, setMaxListeners } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { askByTcp, askByUdp } from "./exchange.ts";
import type { Ask } from "./exchange.ts";
import type { Forwarder } from "./forwarder.ts";
import { answerThroughGate, type NameGate } from "./gate.ts";
import {
  MAX_MESSAGE_BYTES,
  MAX_TCP_CONNECTIONS_PER_SLOT,
  MAX_TCP_QUERIES_PER_CONNECTION,
  MAX_UDP_QUERIES_PER_SLOT,
  TCP_IDLE_TIMEOUT_MS,
} from "./limits.ts";
import { emptyReply, judgeQuery } from "./message.ts";
import { frame, FrameReader } from "./tcp-frames.ts";

export interface SlotResolverOptions {
  /** Host side of the slot's veth. Never a wildcard. */
  readonly address: string;
  readonly port: number;
  /** The slot's own address: nobody else is answered. */
  readonly askerIp: string;
  readonly forwarder: Forwarder;
  /** The slot's rules about names; without one every name is forwarded. */
  readonly gate?: NameGate | undefined;
}

/** The sockets on which one slot asks. */
export class SlotResolver {
  private readonly options: SlotResolverOptions;
  private readonly udp: UdpSocket = createSocket("udp4");
  private readonly tcp: Server = createServer({ pauseOnConnect: true });
  private readonly connections = new Set<Socket>();
  private readonly end = new AbortController();
  private udpInFlight = 0;

  private constructor(options: SlotResolverOptions) {
    this.options = options;
    // One listener for each query in flight is no leak.
    setMaxListeners(0, this.end.signal);
    this.tcp.maxConnections = MAX_TCP_CONNECTIONS_PER_SLOT;
    this.tcp.on("connection", (socket) => void this.serveConnection(socket));
    this.udp.on("message", (packet, asker) => void this.servePacket(packet, asker.address, asker.port));
  }

  static async open(options: SlotResolverOptions): Promise<SlotResolver> {
    const resolver = new SlotResolver(options);
    try {
      const { address, port } = options;
      resolver.udp.bind({ address, port, exclusive: true });
      await once(resolver.udp, "listening");
      resolver.tcp.listen({ host: address, port, exclusive: true });
      await once(resolver.tcp, "listening");
    } catch (error) {
      await resolver.close();
      throw error;
    }
    // From here on errors are the network's (an unreachable asker), not ours.
    resolver.udp.on("error", () => undefined);
    resolver.tcp.on("error", () => undefined);
    return resolver;
  }

  async close(): Promise<void> {
    this.end.abort();
    for (const connection of this.connections) connection.destroy();
    await Promise.all([closed(this.udp), closed(this.tcp)]);
  }

  private async servePacket(packet: Buffer, address: string, port: number): Promise<void> {
    if (address !== this.options.askerIp || packet.length > MAX_MESSAGE_BYTES) return;
    if (this.udpInFlight >= MAX_UDP_QUERIES_PER_SLOT) return;
    this.udpInFlight++;
    try {
      const answer = await this.answer(packet, askByUdp, this.end.signal);
      if (answer && !this.end.signal.aborted) this.udp.send(fitForUdp(packet, answer), port, address, () => undefined);
    } finally {
      this.udpInFlight--;
    }
  }

  private async serveConnection(socket: Socket): Promise<void> {
    socket.on("error", () => undefined);
    if (socket.remoteAddress !== this.options.askerIp) return void socket.destroy();
    this.connections.add(socket);
    const gone = new AbortController();
    const signal = AbortSignal.any([gone.signal, this.end.signal]);
    socket.once("close", () => {
      this.connections.delete(socket);
      gone.abort();
    });
    socket.setTimeout(TCP_IDLE_TIMEOUT_MS, () => socket.destroy());
    await answerAll(socket, (query) => this.answer(query, askByTcp, signal));
  }

  private answer(packet: Buffer, ask: Ask, signal: AbortSignal): Promise<Buffer | undefined> {
    const { gate, forwarder } = this.options;
    if (gate === undefined) return forwarder.answer(packet, ask, signal);
    return answerThroughGate(gate, forwarder, { packet, ask, signal });
  }
}

/** Reads queries and writes replies until the asker hangs up. It is read no faster than it is answered. */
async function answerAll(socket: Socket, answer: (query: Buffer) => Promise<Buffer | undefined>): Promise<void> {
  const reader = new FrameReader(MAX_MESSAGE_BYTES);
  try {
    for await (const chunk of socket) {
      const queries = reader.push(chunk as Buffer);
      if (!queries) break;
      while (queries.length > 0) {
        const replies = await Promise.all(queries.splice(0, MAX_TCP_QUERIES_PER_CONNECTION).map(answer));
        if (socket.destroyed) return;
        for (const reply of replies) if (reply) socket.write(frame(reply));
      }
    }
  } catch {
    // Reset by the asker.
  }
  socket.destroySoon();
}

/** The answer, or, when it is larger than we carry over UDP, the advice to come by TCP. */
function fitForUdp(query: Buffer, answer: Buffer): Buffer {
  if (answer.length <= MAX_MESSAGE_BYTES) return answer;
  const verdict = judgeQuery(query);
  return emptyReply(query, {
    rcode: 0,
    isTruncated: true,
    ...(verdict.kind === "query" ? { questionEnd: verdict.questionEnd } : {}),
  });
}

async function closed(socket: UdpSocket | Server): Promise<void> {
  try {
    const done = once(socket, "close");
    socket.close();
    await done;
  } catch {
    // It never listened.
  }
}
