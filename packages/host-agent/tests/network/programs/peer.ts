import { createSocket } from "node:dgram";
import { Resolver } from "node:dns/promises";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { connect, createServer, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { withTimeout } from "@pandastack/platform";
import { serveMethods } from "./rpc.ts";

/** Somebody in a network: listens, dials, asks for names. Plays guest, host service, LAN and internet. */
export interface Target {
  readonly over: "tcp" | "udp";
  readonly address: string;
  readonly port: number;
  readonly from?: string;
}

/** Where no answer may be what is wanted: that long is no answer. */
const DIAL_TIMEOUT_MS = 1_500;
/** Where one must come: whoever gives it, or waits for it, may not have its turn for seconds. Less than a call may take. */
const ANSWER_TIMEOUT_MS = 20_000;
const heard: string[] = [];
const held = new Map<number, { socket: Socket; ended: Promise<string>; received: () => number }>();

async function listen(port: number): Promise<void> {
  const tcp = createServer((socket) => {
    heard.push(`tcp ${socket.remoteAddress}`);
    socket.on("error", () => undefined);
    socket.on("data", (data) => socket.write(data));
  });
  tcp.listen(port, "::");
  await once(tcp, "listening");
  const udp = createSocket("udp6");
  udp.on("message", (data, from) => {
    heard.push(`udp ${from.address}`);
    udp.send(data, from.port, from.address, () => undefined);
  });
  udp.bind(port, "::");
  await once(udp, "listening");
}

/** "reached" when an echo came back, else why not. */
function dial(target: Target, timeoutMs: number): Promise<string> {
  return target.over === "tcp" ? dialTcp(target, timeoutMs) : dialUdp(target, timeoutMs);
}

function dialTcp({ address, port, from }: Target, timeoutMs: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({
      host: address,
      port,
      ...(from === undefined ? {} : { localAddress: from }),
    });
    const finish = (result: string): void => {
      socket.destroy();
      resolve(result);
    };
    socket.setTimeout(timeoutMs, () => finish("timeout"));
    socket.on("error", (error) => finish((error as NodeJS.ErrnoException).code ?? error.message));
    socket.on("close", () => finish("closed"));
    socket.on("data", () => finish("reached"));
    socket.write("hello");
  });
}

async function dialUdp({ address, port, from }: Target, timeoutMs: number): Promise<string> {
  const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
  const result = new Promise<string>((resolve) => {
    const timer = setTimeout(() => resolve("timeout"), timeoutMs);
    timer.unref();
    socket.on("message", () => resolve("reached"));
    socket.on("error", (error) => resolve((error as NodeJS.ErrnoException).code ?? error.message));
  });
  socket.bind({ ...(from === undefined ? {} : { address: from }) }, () => {
    if (address === "255.255.255.255") socket.setBroadcast(true);
    socket.send("hello", port, address, (error) => error && socket.emit("error", error));
  });
  const text = await result;
  socket.close();
  return text;
}

/** What comes back within a moment after these bytes were sent, in hex; why not, where nothing did. */
function exchange(address: string, port: number, hex: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    const finish = (result: string): void => {
      socket.destroy();
      resolve(result);
    };
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => finish("timeout"));
    socket.on("error", (error) => finish((error as NodeJS.ErrnoException).code ?? error.message));
    socket.on("close", () => finish("closed"));
    socket.on("data", (data) => finish(data.toString("hex")));
    socket.write(Buffer.from(hex, "hex"));
  });
}

/** When bytes came, and how many: of whoever pours them here. */
const poured: { atMs: number; bytes: number }[] = [];

/** Takes all that comes and says nothing. */
async function sink(port: number): Promise<void> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (data) => poured.push({ atMs: performance.now(), bytes: data.length }));
  });
  server.listen(port, "::");
  await once(server, "listening");
}

/** Sends as much as it can for so long. */
async function pour(address: string, port: number, forMs: number): Promise<void> {
  const socket = connect({ host: address, port });
  socket.on("error", () => undefined);
  await once(socket, "connect");
  const piece = Buffer.alloc(65_536);
  const end = performance.now() + forMs;
  while (performance.now() < end && !socket.destroyed) {
    if (!socket.write(piece)) await Promise.race([once(socket, "drain"), delay(forMs)]);
  }
  socket.destroy();
}

/** Megabits a second that came, without the first moment, in which a burst is let through. */
function pouredMbps(): number {
  const SETTLED_MS = 300;
  const first = poured[0]?.atMs ?? 0;
  const counted = poured.splice(0).filter(({ atMs }) => atMs >= first + SETTLED_MS);
  const seconds = ((counted.at(-1)?.atMs ?? 0) - first - SETTLED_MS) / 1000;
  return (counted.reduce((sum, { bytes }) => sum + bytes, 0) * 8) / 1e6 / seconds;
}

const requests: string[] = [];

/** Answers every request with its Host header. */
async function serveHttp(port: number): Promise<void> {
  const server = createHttpServer((request, response) => {
    requests.push(`${request.method} ${request.headers.host}${request.url}`);
    request.resume().on("end", () => response.end(`hello ${request.headers.host}`));
  });
  server.on("upgrade", (_, socket) => {
    socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
    socket.pipe(socket);
  });
  server.listen(port, "::");
  await once(server, "listening");
}

/** All that comes back for some bytes until the other side ends, or has said this. */
function converse(address: string, port: number, text: string, last?: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    let received = "";
    const finish = (): void => resolve(received);
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => socket.destroy());
    socket.on("error", (error) => (received += (error as NodeJS.ErrnoException).code ?? error.message));
    socket.on("close", finish);
    socket.on("data", (data) => {
      received += data.toString("latin1");
      if (last !== undefined && received.includes(last)) socket.destroy();
    });
    socket.write(text);
  });
}

/** A connection that stays, like one in the memory of a snapshot. */
async function hold(id: number, target: Target, timeoutMs: number = ANSWER_TIMEOUT_MS): Promise<void> {
  const socket = connect({ host: target.address, port: target.port });
  let received = 0;
  socket.on("data", () => received++);
  const ended = new Promise<string>((resolve) => {
    socket.on("error", (error) => resolve((error as NodeJS.ErrnoException).code ?? error.message));
    socket.on("close", () => resolve("closed"));
  });
  await withTimeout(once(socket, "connect"), timeoutMs, "no connection");
  held.set(id, { socket, ended, received: () => received });
}

const LISTEN = "0A";
const TIME_WAIT = "06";

/** TCP connections of this network that have packets to come: neither side's last word is both said and heard. */
function unfinished(): number {
  const states = ["tcp", "tcp6"].flatMap((file) =>
    readFileSync(`/proc/self/net/${file}`, "utf8")
      .trim()
      .split("\n")
      .slice(1)
      .map((line) => line.trim().split(/\s+/)[3]),
  );
  return states.filter((state) => state !== LISTEN && state !== TIME_WAIT).length;
}

serveMethods({
  listen,
  unfinished,
  dialAll: (targets: Target[]) => Promise.all(targets.map((target) => dial(target, DIAL_TIMEOUT_MS))),
  /** Of targets that all answer, if only with a refusal. */
  answersOf: (targets: Target[]) => Promise.all(targets.map((target) => dial(target, ANSWER_TIMEOUT_MS))),
  heard: () => heard.splice(0),
  exchange,
  serveHttp,
  requests: () => requests.splice(0),
  converse,
  sink,
  pour,
  pouredMbps,
  hold,
  drop: () => {
    for (const { socket } of held.values()) socket.destroy();
    held.clear();
  },
  /** Writes on a held connection and waits for the echo. */
  say: async (id: number, hex: string) => {
    const { socket } = held.get(id)!;
    const echoed = once(socket, "data");
    socket.write(Buffer.from(hex, "hex"));
    await withTimeout(echoed, ANSWER_TIMEOUT_MS, "no echo");
  },
  /** Writes on a held connection: "alive" when the other side echoes, else how it ended. */
  talk: async (id: number) => {
    const { socket, ended, received } = held.get(id)!;
    const before = received();
    const echoed = new Promise<string>((resolve) => socket.once("data", () => resolve("alive")));
    socket.write("again");
    const timeout = new Promise<string>((resolve) => setTimeout(() => resolve("timeout"), ANSWER_TIMEOUT_MS).unref());
    return received() > before ? "alive" : Promise.race([echoed, ended, timeout]);
  },
  lookup: async (server: string, name: string, type: "A" | "TXT") => {
    const resolver = new Resolver({ timeout: 2_000, tries: 2 });
    resolver.setServers([server]);
    return type === "A" ? resolver.resolve4(name) : (await resolver.resolveTxt(name)).map((parts) => parts.join(""));
  },
  /** Status of a plain HTTP HEAD, by name through the given name server. */
  httpHead: async (server: string, host: string, path: string) => {
    const resolver = new Resolver({ timeout: 4_000, tries: 2 });
    resolver.setServers([server]);
    const [address] = await resolver.resolve4(host);
    const socket = connect({ host: address!, port: 80 });
    socket.setTimeout(10_000, () => socket.destroy(new Error("timeout")));
    socket.write(`HEAD ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    const [data] = (await once(socket, "data")) as [Buffer];
    socket.destroy();
    return data.toString("latin1").split("\r\n")[0];
  },
});
