import { fc, test } from "@fast-check/vitest";
import { describe, expect, it } from "vitest";
import { readHost } from "../../../src/network/proxy/authority.ts";
import { readClientHello } from "../../../src/network/proxy/client-hello.ts";
import { MAX_HELLO_BYTES } from "../../../src/network/proxy/limits.ts";
import { addressAnswer, addressQuery, readAddresses } from "../../../src/network/resolver/records.ts";
import { answer, aRecord, query } from "../resolver/packets.ts";
import { clientHello, ENCRYPTED_CLIENT_HELLO } from "./hello.ts";

const anyName = fc.domain();
const anyExtensions = fc.uniqueArray(
  fc.record({
    type: fc.integer({ min: 1, max: 0xfe00 }),
    data: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  }),
  { maxLength: 12, selector: ({ type }) => type },
);

describe("the first message of a TLS connection", () => {
  test.prop([anyName, anyExtensions, fc.integer({ min: 1, max: 400 })])(
    "has its name found, whatever else is in it and however it is cut into records",
    (name, extensions, recordBytes) => {
      const hello = clientHello({ name, extensions, recordBytes });
      expect(readClientHello(hello)).toEqual({ kind: "hello", name, hidesName: false });
    },
  );

  test.prop([anyName, fc.nat()])("is waited for until it is whole", (name, cut) => {
    const hello = clientHello({ name });
    expect(readClientHello(hello.subarray(0, cut % hello.length))).toEqual({ kind: "more" });
  });

  test.prop([fc.uint8Array({ maxLength: 2000 })])("never throws on any bytes", (bytes) => {
    expect(["more", "bad", "hello"]).toContain(readClientHello(Buffer.from(bytes)).kind);
  });

  test.prop([anyName, anyExtensions, fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 8 })])(
    "never throws on one with wrong bytes, and never reads past its end",
    (name, extensions, changes) => {
      const hello = clientHello({ name, extensions });
      for (const [at, value] of changes) hello[at % hello.length] = value;
      const verdict = readClientHello(hello);
      if (verdict.kind === "hello" && verdict.name !== null) expect(hello.toString("latin1")).toContain(verdict.name);
    },
  );

  it("may have no name, and may hide it", () => {
    expect(readClientHello(clientHello())).toEqual({ kind: "hello", name: null, hidesName: false });
    const hidden = { type: ENCRYPTED_CLIENT_HELLO, data: Buffer.from("0000") };
    expect(readClientHello(clientHello({ name: "a.example", extensions: [hidden] }))).toMatchObject({
      hidesName: true,
    });
  });

  it.each([
    ["a request in plain text", Buffer.from("GET / HTTP/1.1\r\n\r\n")],
    ["an alert", Buffer.from([21, 3, 1, 0, 2, 2, 49])],
    ["a server's first message", clientHello().fill(2, 5, 6)],
    ["two names", clientHello({ name: "a.example", extensions: [{ type: 0, data: Buffer.from([0, 0]) }] })],
    ["one that says it is larger than any", Buffer.from([22, 3, 1, 0, 4, 1, 255, 255, 255])],
    ["an empty record", Buffer.from([22, 3, 1, 0, 0])],
  ])("is not %s", (_, bytes) => expect(readClientHello(bytes)).toEqual({ kind: "bad" }));

  it("is not waited for without end", () => {
    const endless = Buffer.concat([Buffer.from([22, 3, 1, 64, 0, 1, 0, 63, 0]), Buffer.alloc(MAX_HELLO_BYTES)]);
    expect(readClientHello(endless.subarray(0, MAX_HELLO_BYTES + 9)).kind).not.toBe("more");
  });
});

describe("the host of a request", () => {
  test.prop([fc.array(fc.string(), { maxLength: 3 }), fc.string()])(
    "is found or not, and nothing throws",
    (hosts, target) => {
      const verdict = readHost(hosts, target);
      if (verdict.kind === "name") expect(verdict.name).toMatch(/^[a-z0-9._-]*$/);
    },
  );

  test.prop([anyName])("is its name in small letters", (name) => {
    const same = { kind: "name", name: name.toLowerCase() };
    expect(readHost([name.toUpperCase()], "/")).toEqual(same);
    expect(readHost([`${name}.:80`], "/x?y")).toEqual(same);
    expect(readHost([name], `http://${name}/x`)).toEqual(same);
  });

  it.each([
    ["two Host headers", ["a.example", "a.example"], "/"],
    ["another host in its first line", ["a.example"], "http://b.example/"],
    ["another port", ["a.example:8080"], "/"],
    ["a user before it", ["b.example@a.example"], "/"],
    ["a user in its first line", ["a.example"], "http://b.example@a.example/"],
    ["another scheme", ["a.example"], "ftp://a.example/"],
    ["an IPv6 address", ["[::1]"], "/"],
  ])("is refused with %s", (_, hosts, target) => expect(readHost(hosts, target)).toEqual({ kind: "bad" }));

  it("may be missing", () => expect(readHost([], "/")).toEqual({ kind: "none" }));
});

describe("addresses in an answer", () => {
  const anyAddress = fc.ipV4();

  test.prop([anyName, fc.uniqueArray(anyAddress, { maxLength: 15 }), fc.integer({ min: 0, max: 3600 })])(
    "are those that were put in",
    (name, addresses, ttlSeconds) => {
      const { query: asked, questionEnd } = addressQuery(name, 7);
      const read = readAddresses(addressAnswer(asked, questionEnd, { addresses, ttlSeconds }), questionEnd);
      expect(read).toEqual({
        names: [name.toLowerCase()],
        addresses,
        ttlSeconds: addresses.length === 0 ? 0 : ttlSeconds,
      });
    },
  );

  test.prop([fc.uint8Array({ minLength: 12, maxLength: 600 }), fc.nat({ max: 600 })])(
    "are found or not in any bytes, and nothing throws",
    (bytes, end) => void readAddresses(Buffer.from(bytes), end),
  );

  test.prop([fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 8 })])(
    "are found or not in an answer with wrong bytes",
    (changes) => {
      const asked = query("a.example");
      const reply = answer(asked, { records: [aRecord("198.18.0.2"), aRecord("198.18.0.3")] });
      for (const [at, value] of changes) reply[at % reply.length] = value;
      for (const address of readAddresses(reply, asked.length)?.addresses ?? [])
        expect(address).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
    },
  );

  it("fit into an answer for askers without EDNS", () => {
    const { query: asked, questionEnd } = addressQuery(
      `${"a".repeat(63)}.${"b".repeat(63)}.${"c".repeat(63)}.${"d".repeat(61)}`,
      1,
    );
    const addresses = Array.from({ length: 40 }, (_, index) => `198.18.0.${index}`);
    expect(addressAnswer(asked, questionEnd, { addresses, ttlSeconds: 9 }).length).toBeLessThanOrEqual(512);
  });
});
