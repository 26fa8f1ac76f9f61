import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
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
  const tcp = createServer((socket) => {
    const reader = new FrameReader(65_535);
    socket.on("error", () => undefined);
    socket.on("data", (chunk) => {
      for (const packet of reader.push(chunk) ?? []) {
        for (const bytes of serve({ packet, over: "tcp", port: socket.remotePort ?? 0 })) socket.write(frame(bytes));
      }
    });
  });
  tcp.listen(at.port ?? 0, address);
  await once(tcp, "listening");
  const { port } = tcp.address() as AddressInfo;
  const udp = createSocket("udp4");
  udp.on("message", (packet, from) => {
    for (const bytes of serve({ packet, over: "udp", port: from.port })) udp.send(bytes, from.port, from.address);
  });
  udp.bind(port, address);
  await once(udp, "listening");
  const close = async (): Promise<void> => {
    udp.close();
    tcp.close();
    await once(tcp, "close");
  };
  return { address, port, asked, close };
}
