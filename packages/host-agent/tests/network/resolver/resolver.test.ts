import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { waitFor, withTimeout } from "@pandastack/platform";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Forwarder } from "../../../src/network/resolver/forwarder.ts";
import {
  MAX_MESSAGE_BYTES,
  MAX_TCP_CONNECTIONS_PER_SLOT,
  MAX_UDP_QUERIES_PER_SLOT,
  SERVER_TIMEOUT_MS,
} from "../../../src/network/resolver/limits.ts";
import { NameServers, parseNameServers } from "../../../src/network/resolver/servers.ts";
import { SlotResolver } from "../../../src/network/resolver/slot-resolver.ts";
import { frame, FrameReader } from "../../../src/network/resolver/tcp-frames.ts";
import { startFakeServer, type FakeServer, type Reply } from "./fake-server.ts";
import { answer, aRecord, query, txtRecord } from "./packets.ts";

/** Loopback addresses play the parts: 127.0.0.1 is the host's name server, 127.1.0.1 the slot's gateway, 127.1.0.2 the slot. */
const GATEWAY = "127.1.0.1";
const SLOT = "127.1.0.2";
const cleanups: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function start(reply: Reply, servers?: string[]): Promise<{ upstream: FakeServer; port: number }> {
  const upstream = await startFakeServer(reply);
  cleanups.push(() => upstream.close());
  const forwarder = new Forwarder({
    servers: { current: () => servers ?? [upstream.address] },
    serverPort: upstream.port,
  });
  const port = upstream.port;
  const resolver = await SlotResolver.open({ address: GATEWAY, port, askerIp: SLOT, forwarder });
  cleanups.push(() => resolver.close());
  return { upstream, port };
}

/** A UDP socket of the slot's, and the replies that it got. */
async function openAsker(port: number, address = SLOT) {
  const socket = createSocket("udp4");
  const replies: Buffer[] = [];
  socket.on("message", (packet) => replies.push(packet));
  socket.bind({ address });
  await once(socket, "listening");
  cleanups.push(() => void socket.close());
  const send = (packet: Buffer): void => socket.send(packet, port, GATEWAY);
  const replied = (count = 1, timeoutMs = 8_000): Promise<unknown> =>
    waitFor(() => replies.length >= count, {
      timeoutMs,
      message: `${replies.length} of ${count} replies`,
    });
  return { send, replies, replied };
}

async function askByStream(port: number, packets: readonly Buffer[]): Promise<Buffer[]> {
  const socket = await openStream(port);
  for (const packet of packets) socket.write(frame(packet));
  const reader = new FrameReader(65_535);
  const replies: Buffer[] = [];
  socket.on("data", (chunk) => replies.push(...reader.push(chunk)!));
  await waitFor(() => replies.length === packets.length || socket.destroyed, {
    timeoutMs: 15_000,
    message: "no replies",
  });
  return replies;
}

async function openStream(port: number): Promise<Socket> {
  const socket = connect({ host: GATEWAY, port, localAddress: SLOT });
  socket.on("error", () => undefined);
  cleanups.push(() => void socket.destroy());
  await once(socket, "connect");
  return socket;
}

describe("the resolver over UDP", () => {
  it("answers with what the host's server says, under the asker's id", async () => {
    const { upstream, port } = await start(({ packet }) => answer(packet, { records: [aRecord("192.0.2.9")] }));
    const asker = await openAsker(port);
    const packet = query("example.org", { id: 4242 });
    asker.send(packet);
    await asker.replied();
    expect(asker.replies[0]).toEqual(answer(packet, { records: [aRecord("192.0.2.9")] }));
    expect(upstream.asked[0]!.packet.subarray(2)).toEqual(packet.subarray(2));
  });

  it("asks with ids and ports that can't be foretold", async () => {
    const { upstream, port } = await start(({ packet }) => answer(packet));
    const asker = await openAsker(port);
    for (let id = 0; id < 32; id++) asker.send(query("example.org", { id }));
    await asker.replied(32);
    expect(new Set(asker.replies.map((reply) => reply.readUInt16BE(0))).size).toBe(32);
    expect(new Set(upstream.asked.map(({ packet }) => packet.readUInt16BE(0))).size).toBeGreaterThan(28);
    expect(new Set(upstream.asked.map(({ port: from }) => from)).size).toBeGreaterThan(28);
  });

  it("does not take a forged answer for the real one", async () => {
    const { port } = await start(({ packet }) => {
      const forged = answer(packet, { records: [aRecord("6.6.6.6")] });
      forged[0] = forged[0]! ^ 1;
      const other = answer(query("other.example", { id: packet.readUInt16BE(0) }), {
        records: [aRecord("6.6.6.6")],
      });
      return [forged, other, Buffer.alloc(3), answer(packet, { records: [aRecord("192.0.2.9")] })];
    });
    const asker = await openAsker(port);
    asker.send(query("example.org"));
    await asker.replied();
    expect(asker.replies[0]!.subarray(-4)).toEqual(Buffer.from([192, 0, 2, 9]));
  });

  it("answers nobody but its slot", async () => {
    const { upstream, port } = await start(({ packet }) => answer(packet));
    const [stranger, asker] = [await openAsker(port, "127.1.0.3"), await openAsker(port)];
    stranger.send(query("example.org", { id: 1 }));
    asker.send(query("example.org", { id: 2 }));
    await asker.replied();
    expect(stranger.replies).toEqual([]);
    expect(upstream.asked).toHaveLength(1);
  });

  it("asks the second server when the first is silent, fails or refuses to talk", async () => {
    const silent = await startFakeServer(() => undefined);
    cleanups.push(() => silent.close());
    const failing = await startFakeServer(({ packet }) => answer(packet, { rcode: 2 }), {
      address: "127.0.0.2",
      port: silent.port,
    });
    cleanups.push(() => failing.close());
    const good = await startFakeServer(({ packet }) => answer(packet), {
      address: "127.0.0.3",
      port: silent.port,
    });
    cleanups.push(() => good.close());
    for (const first of ["127.0.0.1", "127.0.0.2", "127.0.0.9"]) {
      const forwarder = new Forwarder({
        servers: { current: () => [first, "127.0.0.3"] },
        serverPort: silent.port,
      });
      const resolver = await SlotResolver.open({
        address: GATEWAY,
        port: silent.port,
        askerIp: SLOT,
        forwarder,
      });
      const asker = await openAsker(silent.port);
      asker.send(query("example.org"));
      await asker.replied(1, SERVER_TIMEOUT_MS + 2000);
      expect(asker.replies[0]![3]! & 15, first).toBe(0);
      await resolver.close();
    }
  });

  it("says that it failed when no server answers, or the host has none", async () => {
    const { port } = await start(() => undefined, []);
    const asker = await openAsker(port);
    asker.send(query("example.org", { id: 9 }));
    await asker.replied();
    expect(asker.replies[0]!.readUInt16BE(0)).toBe(9);
    expect(asker.replies[0]![3]! & 15).toBe(2);
  });

  it("passes truncation on, and truncates what is too large for it", async () => {
    const { port } = await start(({ packet }) =>
      packet[13] === "b".charCodeAt(0)
        ? answer(packet, { records: [txtRecord(MAX_MESSAGE_BYTES)] })
        : answer(packet, { isTruncated: true }),
    );
    const asker = await openAsker(port);
    asker.send(query("a.org"));
    asker.send(query("b.org"));
    await asker.replied(2);
    for (const reply of asker.replies) expect(reply[2]! & 2).toBe(2);
  });

  it("has a bound on a slot's queries under way", async () => {
    const { upstream, port } = await start(({ packet }) => (packet.includes("last") ? answer(packet) : undefined));
    const asker = await openAsker(port);
    for (let id = 0; id < MAX_UDP_QUERIES_PER_SLOT + 40; id++) asker.send(query("silence.org", { id }));
    await waitFor(() => upstream.asked.length >= MAX_UDP_QUERIES_PER_SLOT, {
      timeoutMs: 15_000,
      message: "too few",
    });
    asker.send(query("too-many.org"));
    await waitFor(() => asker.replies.length > 0, { timeoutMs: 8000, message: "no failure" });
    expect(upstream.asked.filter(({ packet }) => packet.includes("too-many"))).toEqual([]);
    asker.send(query("last.org", { id: 999 }));
    await waitFor(() => asker.replies.some((reply) => reply.readUInt16BE(0) === 999), {
      timeoutMs: 8000,
      message: "did not recover",
    });
  }, 20_000);

  it("survives hostile packets", async () => {
    const { port } = await start(({ packet }) => answer(packet));
    const asker = await openAsker(port);
    for (let seed = 1; seed < 600; seed++) {
      const packet = seed % 2 ? Buffer.alloc(seed * 7, seed) : query("example.org");
      for (let change = 0; change < 4; change++)
        packet[(seed * 31 + change * 7) % packet.length] = (seed * 17 + change) & 255;
      asker.send(packet.subarray(0, seed % 97));
    }
    asker.send(Buffer.alloc(0));
    asker.send(Buffer.alloc(9000, 1));
    await waitFor(
      () => {
        asker.send(query("example.org", { id: 65_000 }));
        return asker.replies.some((reply) => reply.readUInt16BE(0) === 65_000);
      },
      { timeoutMs: 8000, intervalMs: 50, message: "it no longer answers" },
    );
  });
});

describe("the resolver over TCP", () => {
  it("carries answers that are too large for UDP, several on one connection", async () => {
    const { upstream, port } = await start(({ packet }) => answer(packet, { records: [txtRecord(20_000)] }));
    const replies = await askByStream(
      port,
      [1, 2, 3, 4, 5, 6].map((id) => query("big.org", { id })),
    );
    expect(replies.map((reply) => reply.readUInt16BE(0)).toSorted()).toEqual([1, 2, 3, 4, 5, 6]);
    expect(replies[0]!.length).toBeGreaterThan(20_000);
    expect(new Set(upstream.asked.map(({ over }) => over))).toEqual(new Set(["tcp"]));
  });

  it("hangs up on a message that is too long", async () => {
    const { port } = await start(({ packet }) => answer(packet));
    await expect(askByStream(port, [Buffer.alloc(MAX_MESSAGE_BYTES + 1)])).resolves.toEqual([]);
  });

  it("has a bound on a slot's connections", async () => {
    const { port } = await start(({ packet }) => answer(packet));
    const sockets: Socket[] = [];
    for (let index = 0; index < MAX_TCP_CONNECTIONS_PER_SLOT + 3; index++) sockets.push(await openStream(port));
    await waitFor(() => sockets.filter(({ destroyed }) => destroyed).length === 3, {
      timeoutMs: 15_000,
      message: "no bound",
    });
    sockets.find(({ destroyed }) => !destroyed)!.destroy();
    await waitFor(async () => (await askByStream(port, [query("a.org")])).length === 1, {
      timeoutMs: 15_000,
      message: "no way back in",
    });
  });

  it("is not stopped by a connection that ends in the middle", async () => {
    const { port } = await start(({ packet }) => answer(packet));
    for (let index = 0; index < 20; index++) {
      const socket = await openStream(port);
      socket.write(frame(query("a.org")).subarray(0, index));
      socket.resetAndDestroy();
    }
    await expect(askByStream(port, [query("a.org")])).resolves.toHaveLength(1);
  });

  it("closes with queries under way", async () => {
    const { upstream, port } = await start(() => undefined);
    const asker = await openAsker(port);
    asker.send(query("a.org"));
    void askByStream(port, [query("b.org")]).catch(() => undefined);
    await waitFor(() => upstream.asked.length >= 2, { timeoutMs: 15_000, message: "not asked" });
    const close = cleanups.splice(1, 1)[0]!;
    await withTimeout(Promise.resolve(close()), 500, "it waits for its queries");
  });
});

describe("the host's name servers", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "ps-resolv-"));
    cleanups.push(() => rmSync(folder, { recursive: true }));
  });

  it("are read from resolv.conf", () => {
    const text =
      "# nameserver 1.1.1.1\nsearch x\nnameserver 10.255.255.53\n  nameserver fe80::1%eth0\nnameserver bad\nnameserver ::1\nnameserver 9.9.9.9";
    expect(parseNameServers(text)).toEqual(["10.255.255.53", "fe80::1%eth0", "::1"]);
  });

  it("are read again when the file changes, and only then", () => {
    const path = join(folder, "resolv.conf");
    let now = 0;
    const servers = new NameServers(path, () => now);
    expect(servers.current()).toEqual([]);
    writeFileSync(path, "nameserver 10.0.0.1\n");
    expect(servers.current()).toEqual([]);
    now += 2000;
    const first = servers.current();
    expect(first).toEqual(["10.0.0.1"]);
    now += 2000;
    expect(servers.current()).toBe(first);
    writeFileSync(path, "nameserver 10.0.0.2\n");
    utimesSync(path, 1, 1);
    now += 2000;
    expect(servers.current()).toEqual(["10.0.0.2"]);
  });
});
