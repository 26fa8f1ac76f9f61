import { duplexPair, type Duplex } from "node:stream";
import { describe, expect, test } from "vitest";
import { GuestClient } from "../../src/guest/client.ts";
import { GuestConnection } from "../../src/guest/connection.ts";
import { FrameParser, FrameType, encodeJsonFrame, type Frame } from "../../src/guest/frames.ts";

/** A guest that answers `metrics` when it is told to, and everything else at once. */
class SlowGuest {
  readonly asked: string[] = [];
  readonly hellos: Record<string, unknown>[] = [];
  /** Whether it still knows its streams when somebody comes back. */
  remembers = true;
  #side!: Duplex;
  #waiting: number | undefined;

  /** The host's end of a new channel. */
  channel(): Duplex {
    const [host, inside] = duplexPair();
    const parser = new FrameParser();
    inside.on("data", (chunk: Buffer) => {
      for (const frame of parser.push(chunk)) this.#answer(frame);
    });
    inside.once("end", () => inside.end());
    this.#side = inside;
    return host;
  }

  tell(): void {
    this.#side.write(encodeJsonFrame(FrameType.result, this.#waiting!, { ok: { processes: 7 } }));
  }

  #answer(frame: Frame): void {
    if (frame.type === FrameType.hello) {
      const hello = JSON.parse(frame.payload.toString()) as Record<string, unknown>;
      this.hellos.push(hello);
      const more = hello["continues"] === true && this.remembers ? { continues: true } : {};
      const answer = {
        nonce: hello["nonce"],
        version: 1,
        agent: "0",
        features: [],
        time_ns: "0",
        boot_id: "",
        ...more,
      };
      this.#side.write(encodeJsonFrame(FrameType.helloOk, 0, answer));
    }
    if (frame.type !== FrameType.open) return;
    const { op } = JSON.parse(frame.payload.toString()) as { op: string };
    this.asked.push(op);
    if (op === "metrics") this.#waiting = frame.stream;
    else this.#side.write(encodeJsonFrame(FrameType.result, frame.stream, { ok: { ports: [] } }));
  }
}

describe("a connection that is hung up for a snapshot", () => {
  async function silent(guest: SlowGuest): Promise<{ client: GuestClient; connection: GuestConnection }> {
    const connection = new GuestConnection(guest.channel());
    await connection.hello({ resync: false, timeoutMs: 5_000 });
    const client = new GuestClient(connection);
    return { client, connection };
  }

  test("goes on with what was under way, and with what was asked meanwhile", async () => {
    const guest = new SlowGuest();
    const { client, connection } = await silent(guest);
    const metrics = client.metrics();
    await client.quiesce({ hangUp: true });
    expect(connection).toMatchObject({ isOpen: true, isHungUp: true });
    const ports = client.ports();
    await connection.goOn(guest.channel(), { token: "secret", timeoutMs: 5_000 });
    expect(guest.hellos.at(-1)).toMatchObject({ token: "secret", continues: true });
    expect(guest.asked, "nothing before the silence has ended").toEqual(["metrics", "quiesce"]);
    connection.release();
    expect(await ports).toEqual([]);
    guest.tell();
    expect(await metrics).toEqual({ processes: 7 });
    expect(connection).toMatchObject({ isOpen: true, isHungUp: false });
  });

  test("fails with all that was under way where the guest has begun anew", async () => {
    const guest = new SlowGuest();
    const { client, connection } = await silent(guest);
    const metrics = client.metrics();
    await client.quiesce({ hangUp: true });
    guest.remembers = false;
    const wentOn = connection.goOn(guest.channel(), { timeoutMs: 5_000 });
    const lost = { code: "sandbox.guest_unreachable" };
    await Promise.all([expect(metrics).rejects.toMatchObject(lost), expect(wentOn).rejects.toMatchObject(lost)]);
    expect(connection.isOpen).toBe(false);
  });

  test("is lost with the machine", async () => {
    const guest = new SlowGuest();
    const { client, connection } = await silent(guest);
    const metrics = client.metrics();
    await client.quiesce({ hangUp: true });
    connection.close();
    await expect(metrics).rejects.toMatchObject({ code: "sandbox.guest_unreachable" });
    expect(connection.isHungUp).toBe(false);
  });

  test("is lost as ever where it was not hung up by this side", async () => {
    const guest = new SlowGuest();
    const { client, connection } = await silent(guest);
    const metrics = client.metrics();
    await client.quiesce({ hangUp: true });
    const channel = guest.channel();
    await connection.goOn(channel, { timeoutMs: 5_000 });
    channel.destroy();
    await expect(metrics).rejects.toMatchObject({ code: "sandbox.guest_unreachable" });
  });
});
