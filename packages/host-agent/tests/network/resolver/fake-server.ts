import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { frame, FrameReader } from "../../../src/network/resolver/tcp-frames.ts";

export interface Asked {
  readonly packet: Buffer;
  readonly over: "udp" | "tcp";
  readonly port: number;
}

export interface FakeServer {
  readonly address: string;
  readonly port: number;
  readonly asked: Asked[];
  close(): Promise<void>;
}

/** What to send back; nothing when undefined, several packets when a list. */
export type Reply = (asked: Asked) => Buffer | readonly Buffer[] | undefined;

/** A name server that says what the test wants, over UDP and TCP on one port of a loopback address. */
export async function startFakeServer(reply: Reply, at: { address?: string; port?: number } = {}): Promise<FakeServer> {
  const address = at.address ?? "127.0.0.1";
  const asked: Asked[] = [];
  const serve = (one: Asked): readonly Buffer[] => {
    asked.push(one);
    const replies = reply(one);
    return replies === undefined ? [] : Buffer.isBuffer(replies) ? [replies] : replies;
  };
  const takeConnection = (socket: Socket): void => {
    const reader = new FrameReader(65_535);
    socket.on("error", () => undefined);
    socket.on("data", (chunk) => {
      for (const packet of reader.push(chunk) ?? []) {
        for (const bytes of serve({ packet, over: "tcp", port: socket.remotePort ?? 0 })) socket.write(frame(bytes));
      }
    });
  };
  const { tcp, udp } = await listenOnBoth(address, at.port ?? 0);
  const { port } = udp.address();
  tcp.on("connection", takeConnection);
  udp.on("message", (packet, from) => {
    for (const bytes of serve({ packet, over: "udp", port: from.port })) udp.send(bytes, from.port, from.address);
  });
  const close = async (): Promise<void> => {
    udp.close();
    tcp.close();
    await once(tcp, "close");
  };
  return { address, port, asked, close };
}

const TRIES = 20;

/** One port of an address over both. A free one, for 0: the kernel gives one that is free over TCP, and may be taken over UDP. */
async function listenOnBoth(address: string, wanted: number): Promise<{ tcp: Server; udp: UdpSocket }> {
  for (let tries = 1; ; tries++) {
    const tcp = createServer().listen(wanted, address);
    await once(tcp, "listening");
    const udp = createSocket("udp4");
    try {
      udp.bind((tcp.address() as AddressInfo).port, address);
      await once(udp, "listening");
      return { tcp, udp };
    } catch (error) {
      udp.close();
      tcp.close();
      await once(tcp, "close");
      if (wanted !== 0 || tries === TRIES || (error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    }
  }
}
