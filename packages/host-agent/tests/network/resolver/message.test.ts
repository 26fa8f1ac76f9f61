import { fc, test } from "@fast-check/vitest";
import { describe, expect, it } from "vitest";
import { answersQuery, emptyReply, judgeQuery, Rcode } from "../../../src/network/resolver/message.ts";
import { FrameReader, frame } from "../../../src/network/resolver/tcp-frames.ts";
import { answer, aRecord, query } from "./packets.ts";

const anyBytes = fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes));
/** Nearly right packets reach further than noise does. */
const anyMutation = fc
  .tuple(fc.array(fc.tuple(fc.nat(40), fc.nat(255)), { maxLength: 5 }), fc.nat(45))
  .map(([changes, length]) => {
    const packet = query("some.example.org");
    for (const [offset, value] of changes) packet[offset % packet.length] = value;
    return packet.subarray(0, length);
  });

describe("judging a query", () => {
  it("lets a plain one through", () => {
    const packet = query("example.org");
    expect(judgeQuery(packet)).toEqual({ kind: "query", questionEnd: packet.length });
  });

  const twoQuestions = query("a.b");
  twoQuestions.writeUInt16BE(2, 4);
  const pointer = query("a.b");
  pointer[12] = 0xc0;
  const long = query(Array.from({ length: 60 }, () => "abcd").join("."));
  it.each([
    ["zone transfer", query("a.b", { type: 252 }), Rcode.refused],
    ["version.bind", query("version.bind", { class: 3, type: 16 }), Rcode.refused],
    ["dynamic update", query("a.b", { opcode: 5 }), Rcode.notImplemented],
    ["two questions", twoQuestions, Rcode.formatError],
    ["compressed question", pointer, Rcode.formatError],
    ["name of 300 bytes", long, Rcode.formatError],
    ["question without its end", query("a.b").subarray(0, 18), Rcode.formatError],
  ])("refuses: %s", (_, packet, rcode) => expect(judgeQuery(packet)).toEqual({ kind: "refuse", rcode }));

  it("ignores answers and scraps", () => {
    expect(judgeQuery(answer(query("a.b")))).toEqual({ kind: "ignore" });
    expect(judgeQuery(Buffer.alloc(11))).toEqual({ kind: "ignore" });
  });

  test.prop([fc.oneof(anyBytes, anyMutation)], { numRuns: 2000 })("survives any bytes", (packet) => {
    const verdict = judgeQuery(packet);
    if (verdict.kind === "query") expect(verdict.questionEnd).toBeLessThanOrEqual(packet.length);
    if (verdict.kind === "ignore") return;
    const reply = emptyReply(packet, { rcode: Rcode.refused });
    expect(judgeQuery(reply)).toEqual({ kind: "ignore" });
    expect(reply.subarray(0, 2)).toEqual(packet.subarray(0, 2));
  });
});

describe("recognising an answer", () => {
  const asked = query("example.org", { id: 77 });
  const end = asked.length;

  it("takes the one to this question", () => {
    expect(answersQuery(answer(asked, { records: [aRecord("1.2.3.4")] }), asked, end)).toBe(true);
    expect(answersQuery(emptyReply(asked, { rcode: Rcode.formatError }), asked, end)).toBe(true);
  });

  it.each([
    ["another id", answer(query("example.org", { id: 78 }))],
    ["another name", answer(query("example.net", { id: 77 }))],
    ["another case of letters", answer(query("eXample.org", { id: 77 }))],
    ["another type", answer(query("example.org", { id: 77, type: 28 }))],
    ["no question and no error", emptyReply(asked, { rcode: 0 })],
    ["the query itself", asked],
  ])("refuses %s", (_, packet) => expect(answersQuery(packet, asked, end)).toBe(false));

  test.prop([anyBytes], { numRuns: 1000 })("survives any bytes", (packet) => {
    expect(typeof answersQuery(packet, asked, end)).toBe("boolean");
  });
});

describe("messages on a stream", () => {
  test.prop([fc.array(anyBytes, { maxLength: 6 }), fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1 })])(
    "come out as they went in, under any chunking",
    (messages, cuts) => {
      const stream = Buffer.concat(messages.map(frame));
      const reader = new FrameReader(600);
      const seen: Buffer[] = [];
      for (let offset = 0, turn = 0; offset < stream.length; turn++) {
        const size = cuts[turn % cuts.length]!;
        seen.push(...reader.push(stream.subarray(offset, offset + size))!);
        offset += size;
      }
      expect(Buffer.concat(seen.map(frame))).toEqual(stream);
    },
  );

  it("end at one that is too long", () => {
    expect(new FrameReader(10).push(frame(Buffer.alloc(11)))).toBeUndefined();
  });
});
