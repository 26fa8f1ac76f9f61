import type * as nodeCrypto from "node:crypto";
import { duplexPair } from "node:stream";
import { expect, test, vi } from "vitest";
import { GuestConnection } from "../../src/guest/connection.ts";
import { encodeJsonFrame, FrameParser, FrameType } from "../../src/guest/frames.ts";
import { bytesOf, golden } from "./golden.ts";

/** The connection draws its nonce itself: here it draws the one of the golden cases. */
vi.mock("node:crypto", async (original) => {
  const crypto = await original<typeof nodeCrypto>();
  return {
    ...crypto,
    randomBytes: (size: number) =>
      size === 16 ? Buffer.from("00112233445566778899aabbccddeeff", "hex") : crypto.randomBytes(size),
  };
});

test.each(golden.resync.filter((one) => one.parser === "host"))("$name", async ({ chunks }) => {
  const [host, guest] = duplexPair();
  const connection = new GuestConnection(host);
  const hello = connection.hello({ resync: true, timeoutMs: 5000 });
  for (const chunk of chunks) guest.write(bytesOf(chunk));
  expect(await hello, "the answer behind whatever a former peer left").toMatchObject({ version: 1, agent: "0.1.0" });
  connection.close();
});

test("a pad and HELLO are sent first, in this order", async () => {
  const [host, guest] = duplexPair();
  const connection = new GuestConnection(host);
  const parser = new FrameParser();
  const seen = new Promise<number>((resolve) => {
    let bytes = 0;
    guest.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      for (const frame of parser.push(chunk)) if (frame.type === FrameType.hello) resolve(bytes);
    });
  });
  connection.hello({ resync: true, timeoutMs: 5000 }).catch(() => undefined);
  expect(await seen, "the pad is as long as the protocol says").toBeGreaterThan(golden.constants["resync_pad"]!);
  connection.close();
});

test("is said again to a guest that has lost it, and once where it is heard", async () => {
  const [host, guest] = duplexPair();
  const connection = new GuestConnection(host);
  const parser = new FrameParser();
  const heard: string[] = [];
  guest.on("data", (chunk: Buffer) => {
    for (const frame of parser.push(chunk)) {
      if (frame.type !== FrameType.hello) continue;
      const { nonce } = JSON.parse(frame.payload.toString()) as { nonce: string };
      heard.push(nonce);
      const answer = { nonce, version: 1, agent: "0", features: [], time_ns: "0", boot_id: "" };
      if (heard.length > 1) guest.write(encodeJsonFrame(FrameType.helloOk, 0, answer));
    }
  });
  const lost = connection.hello({ resync: false, timeoutMs: 2_500 });
  await expect(lost, "on a channel that nobody had before, all that is said is heard").rejects.toMatchObject({
    code: "sandbox.guest_unreachable",
  });
  expect(heard).toHaveLength(1);
  heard.length = 0;
  expect(await connection.hello({ resync: true, timeoutMs: 10_000 })).toMatchObject({ version: 1 });
  expect(heard).toHaveLength(2);
  connection.close();
});
