import { duplexPair } from "node:stream";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { GuestClient } from "../../src/guest/client.ts";
import { GuestConnection, type HelloOk } from "../../src/guest/connection.ts";
import { encodeFrame, encodeJsonFrame, FrameParser, FrameType, type Frame } from "../../src/guest/frames.ts";

import { growInGuest } from "../../src/sandboxes/volumes/attach.ts";
import { devicePath } from "../../src/sandboxes/volumes/registry.ts";
import { golden, payloadOf } from "./golden.ts";

/**
 * A guest in an old snapshot speaks as it did when its memory was taken. This one says what agent 0.1.0 was recorded to say, on
 * whatever stream it is asked, and knows no operation that came later.
 */
const RECORDED_EXEC = ["event started", "data from stdout", "data from stderr, text that is not ascii", "result ok"];
const KNOWN = new Set(["exec", "metrics", "quiesce"]);

const recorded = (name: string) => golden.frames.find((frame) => frame.name === name)!;

class OldGuest {
  readonly asked: string[] = [];
  readonly #parser = new FrameParser();

  constructor(channel: NodeJS.ReadWriteStream) {
    channel.on("data", (chunk: Buffer) => {
      for (const frame of this.#parser.push(chunk)) for (const answer of this.#answers(frame)) channel.write(answer);
    });
  }

  #answers(frame: Frame): Buffer[] {
    const payload = (frame.payload.length > 0 && JSON.parse(frame.payload.toString())) as Record<string, string>;
    if (frame.type === FrameType.hello) {
      const said = JSON.parse(payloadOf(recorded("hello_ok")).toString()) as HelloOk;
      return [encodeJsonFrame(FrameType.helloOk, 0, { ...said, nonce: payload["nonce"] })];
    }
    if (frame.type !== FrameType.open) return [];
    const op = payload["op"]!;
    this.asked.push(op);
    const on = (name: string): Buffer => {
      const { type_byte, channel } = recorded(name);
      return encodeFrame(type_byte as FrameType, frame.stream, channel, payloadOf(recorded(name)));
    };
    if (op === "exec") return RECORDED_EXEC.map(on);
    if (KNOWN.has(op)) return [on("result ok")];
    const error = { code: "unsupported", message: `unknown operation ${op}` };
    return [encodeJsonFrame(FrameType.result, frame.stream, { error })];
  }
}

describe("a guest of the protocol's first version", () => {
  let guest: OldGuest;
  let connection: GuestConnection;
  let client: GuestClient;
  beforeEach(async () => {
    const [host, inside] = duplexPair();
    guest = new OldGuest(inside);
    connection = new GuestConnection(host);
    const hello = await connection.hello({ resync: false, timeoutMs: 5_000 });
    expect(hello).toMatchObject({ version: 1, agent: "0.1.0" });
    client = new GuestClient(connection);
    // Its clock is that of the recording: years off, so that it is told the time, which it does not know how to take.
    client.correctClock(hello);
  });
  afterEach(() => connection.close());

  const run = async () => {
    const seen: unknown[] = [];
    for await (const event of client.exec({ argv: ["/bin/echo"] })) seen.push(event);
    return seen;
  };

  test("runs commands, and what it does not know does not end the connection", async () => {
    const seen = await run();
    expect(seen).toMatchObject([
      { kind: "started", id: "p1", pid: 42 },
      { kind: "stdout", data: Buffer.from("000102fdfeff", "hex") },
      { kind: "stderr", data: Buffer.from("grüß dich\n") },
      { kind: "result", result: { exit_code: 0 } },
    ]);
    expect(guest.asked).toEqual(["clock.set", "exec"]);
    expect(connection.isOpen).toBe(true);
  });

  test("is made quiet for a snapshot and goes on afterwards", async () => {
    await client.quiesce();
    client.resumed();
    expect(await run()).toHaveLength(RECORDED_EXEC.length);
    expect(guest.asked).toEqual(["clock.set", "quiesce", "clock.set", "exec"]);
  });

  test("refuses what came later in words that say so", async () => {
    const volume = { volumeId: "v", name: "data", path: "/mnt/data", readOnly: false };
    await expect(client.mountVolume({ device: "/dev/vdb", path: "/mnt/data", read_only: false, size_bytes: 1 }))
      .rejects //
      .toMatchObject({ code: "guest.unsupported" });
    await expect(
      growInGuest(client, { ...volume, drive: 0, sizeBytes: 1, copyBytes: 0 }, devicePath),
    ).rejects.toMatchObject({
      code: "volume.mount_failed",
      message: expect.stringContaining("unknown operation volume.grow") as string,
    });
    expect(connection.isOpen).toBe(true);
  });
});
