import { OPEN_NETWORK } from "@pandastack/contracts/host";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GATEWAY_IP } from "../../../src/network/addresses.ts";
import { clientHello, ENCRYPTED_CLIENT_HELLO, type HelloOptions } from "../proxy/hello.ts";
import { missingForNetns } from "../world/requirements.ts";
import { INTERNET } from "../world/world.ts";
import { makeGuarded, NAMED, OTHER, tcp, udp, type Guarded } from "./guarded.ts";

/** Policies by name, in the real kernel and with the resolver and proxy of the host agent. */
const missing = missingForNetns();
if (missing) console.log(`not run: policies by name: ${missing}`);
const TIMEOUT_MS = 60_000;
const REFUSED = "EHOSTUNREACH";
/** The proxy's TLS alert. */
const DENIED = "15030100020231";

describe.skipIf(missing)("a policy by name", { timeout: TIMEOUT_MS }, () => {
  let it_: Guarded;
  beforeAll(async () => void (it_ = await makeGuarded()), TIMEOUT_MS);
  afterAll(() => it_?.close(), TIMEOUT_MS);

  const lookup = (name: string): Promise<string[]> => it_.guest.call("lookup", GATEWAY_IP, name, "A");
  /** The server outside sends back what it gets: seen again, the hello has reached it. */
  const greet = (address: string, options: HelloOptions): Promise<string> =>
    it_.guest.call("exchange", address, 443, clientHello(options).toString("hex"));
  const get = (address: string, text: string, last?: string): Promise<string> =>
    it_.guest.call("converse", address, 80, text, last);
  const request = (host: string, more = "Connection: close\r\n"): string =>
    `GET /x HTTP/1.1\r\nHost: ${host}\r\n${more}\r\n`;

  it("resolves its names, and what they lead to is reached while the answer lives", async () => {
    await it_.allow({ allow: ["allowed.example.org"] });
    expect(await it_.answers(tcp(NAMED))).toEqual([REFUSED]);
    expect(await lookup("allowed.example.org")).toEqual([NAMED]);
    expect(await it_.answers(tcp(NAMED), udp(NAMED), tcp(OTHER))).toEqual(["reached", "reached", REFUSED]);
  });

  it("takes capitals and a dot at the end for the same name, and knows no other", async () => {
    await it_.allow({ allow: ["Allowed.Example.ORG."] });
    expect(await lookup("ALLOWED.example.org.")).toEqual([NAMED]);
    for (const name of ["other.example.org", "sub.allowed.example.org", "example.org", "allowed.example.org.evil.test"])
      await expect(lookup(name), name).rejects.toThrow(/REFUSED/);
    await expect(it_.guest.call("lookup", GATEWAY_IP, "other.example.org", "TXT")).rejects.toThrow(/REFUSED/);
  });

  it("with a wildcard means every name below, and not the name itself", async () => {
    await it_.allow({ allow: ["*.example.org"], deny: ["bad.example.org", "*.bad.example.org"] });
    expect(await lookup("a.example.org")).toEqual([NAMED]);
    expect(await lookup("a.b.example.org")).toEqual([NAMED]);
    for (const name of ["example.org", "notexample.org", "bad.example.org", "x.bad.example.org"])
      await expect(lookup(name), name).rejects.toThrow(/REFUSED/);
  });

  it("follows aliases to the end, unless one is denied, and goes in no circle", async () => {
    await it_.allow({ allow: ["alias.example.org", "circle.example.org"] });
    expect(await lookup("alias.example.org")).toEqual([NAMED]);
    await expect(lookup("circle.example.org")).rejects.toThrow();
    await it_.allow({ allow: ["alias.example.org"], deny: ["step.example.net"] });
    await expect(lookup("alias.example.org")).rejects.toThrow();
    expect(await it_.answers(tcp(NAMED))).toEqual([REFUSED]);
  });

  it("drops private addresses from answers", async () => {
    await it_.allow({ allow: ["*.example.org"] });
    await expect(lookup("rebind.example.org")).rejects.toThrow();
    expect(await lookup("mixed.example.org")).toEqual([NAMED]);
    expect(await it_.dial(tcp("10.99.0.2"), tcp("169.254.169.254"))).not.toContain("reached");
    expect(await greet(NAMED, { name: "rebind.example.org" })).toBe(DENIED);
  });

  it("goes by the name in a TLS connection, wherever that was dialled to", async () => {
    await it_.allow({ allow: ["allowed.example.org", "alias.example.org"] });
    const hello = clientHello({ name: "allowed.example.org" }).toString("hex");
    expect(await greet(NAMED, { name: "allowed.example.org" })).toBe(hello);
    // Nobody listens there: it is the name that leads on.
    expect(await greet("198.51.100.7", { name: "allowed.example.org" })).toBe(hello);
    await it_.guest.call("lookup", GATEWAY_IP, "allowed.example.org", "A");
    expect(await greet(NAMED, { name: "other.example.org" })).toBe(DENIED);
    expect(await greet(NAMED, {})).toBe(DENIED);
    const hidden = [{ type: ENCRYPTED_CLIENT_HELLO, data: Buffer.alloc(40) }];
    expect(await greet(NAMED, { name: "allowed.example.org", extensions: hidden })).toBe(DENIED);
    // No name is looked for in QUIC: programs then come by TCP.
    expect(await it_.dial(udp(NAMED, 443))).not.toContain("reached");
  });

  it("judges every request of an HTTP connection", async () => {
    await it_.allow({ allow: ["allowed.example.org"] });
    await it_.outside.call("requests");
    expect(await get(OTHER, request("Allowed.example.org"))).toMatch(/^HTTP\/1\.1 200 .*hello Allowed\.example\.org/s);
    const both = await get(NAMED, request("allowed.example.org", "") + request("other.example.org"));
    expect(both).toMatch(/200 OK.*403 Forbidden/s);
    for (const text of [
      request("other.example.org"),
      request("198.18.0.2"),
      `GET http://other.example.org/ HTTP/1.1\r\nHost: allowed.example.org\r\nConnection: close\r\n\r\n`,
      `GET / HTTP/1.1\r\nHost: allowed.example.org\r\nHost: other.example.org\r\nConnection: close\r\n\r\n`,
      `CONNECT other.example.org:443 HTTP/1.1\r\nHost: allowed.example.org\r\n\r\n`,
      "GET / HTTP/1.0\r\n\r\n",
      "\x16\x03\x01 no request\r\n\r\n",
    ])
      expect(await get(NAMED, text), text).toMatch(/^HTTP\/1\.1 40[03] /);
    expect(await it_.outside.call("requests")).toEqual(["GET Allowed.example.org/x", "GET allowed.example.org/x"]);
  });

  it("carries bodies, and what comes after an upgrade", async () => {
    await it_.allow({ allow: ["allowed.example.org"] });
    const post = "POST /b HTTP/1.1\r\nHost: allowed.example.org\r\nConnection: close\r\n";
    expect(await get(NAMED, `${post}Content-Length: 5\r\n\r\nhello`)).toMatch(/200 OK/);
    expect(await get(NAMED, `${post}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`)).toMatch(/200 OK/);
    const upgraded = await get(
      NAMED,
      request("allowed.example.org", "Connection: Upgrade\r\nUpgrade: echo\r\n") + "ping",
      "ping",
    );
    expect(upgraded).toMatch(/101 Switching Protocols.*ping/s);
  });

  it("reaches no address of the host's own by a name", async () => {
    await it_.host.call("serveHttp", 80);
    await it_.allow({ allow: ["host.example.org"] });
    expect(await get(NAMED, request("host.example.org"))).toMatch(/403/);
    expect(await it_.host.call("requests")).toEqual([]);
  });

  it("that only denies lets all other names and their web through", async () => {
    await it_.allow({ deny: ["bad.example.org"] });
    expect(await lookup("good.example.org")).toEqual([NAMED]);
    await expect(lookup("bad.example.org")).rejects.toThrow(/REFUSED/);
    expect(await it_.answers(tcp(NAMED), tcp(OTHER))).toEqual(["reached", "reached"]);
    expect(await greet(NAMED, { name: "good.example.org" })).not.toBe(DENIED);
    expect(await greet(NAMED, { name: "bad.example.org" })).toBe(DENIED);
    expect(await get(NAMED, request("good.example.org"))).toMatch(/200 OK/);
    expect(await get(NAMED, request("198.18.0.2"))).toMatch(/200 OK/);
    expect(await get(NAMED, request("bad.example.org"))).toMatch(/403/);
  });

  it("beside one by address leaves that one alone", async () => {
    await it_.allow({ allow: ["allowed.example.org", OTHER] });
    // No name is asked for on the way to an address that is allowed.
    expect(await it_.answers(tcp(OTHER, 443), tcp(OTHER))).toEqual(["reached", "reached"]);
    expect(await greet(NAMED, { name: "other.example.org" })).toBe(DENIED);
  });

  it("that changes ends what it does not allow any more, and nothing else", async () => {
    await it_.allow({ allow: ["allowed.example.org", "second.example.org"] });
    await lookup("allowed.example.org");
    await it_.guest.call("hold", 1, tcp(NAMED));
    await it_.guest.call("hold", 2, tcp("198.51.100.7", 443));
    await it_.guest.call("say", 2, clientHello({ name: "second.example.org" }).toString("hex"));
    await it_.allow({ allow: ["allowed.example.org", "third.example.org"] });
    expect(await it_.guest.call("talk", 1)).toBe("alive");
    expect(await it_.guest.call("talk", 2)).not.toBe("alive");
    await it_.allow({ allow: ["third.example.org"] });
    expect(await it_.guest.call("talk", 1)).not.toBe("alive");
    await it_.guest.call("drop");
  });

  it("holds without the agent, and what it has let through stays so", async () => {
    const wanted = { ...OPEN_NETWORK, egress: { allow: ["allowed.example.org"] } };
    await it_.allow(wanted.egress);
    await lookup("allowed.example.org");
    await it_.guest.call("hold", 3, tcp(NAMED));
    const server = await it_.restart(wanted);
    expect(await server.call("warnings")).not.toContainEqual(expect.stringContaining("rules were not"));
    expect(await it_.guest.call("talk", 3)).toBe("alive");
    expect(await it_.answers(tcp(NAMED), tcp(OTHER))).toEqual(["reached", REFUSED]);
    expect(await lookup("allowed.example.org")).toEqual([NAMED]);
    expect(await greet(NAMED, { name: "other.example.org" })).toBe(DENIED);
    await it_.guest.call("drop");
  });

  it("remembers what it refused, and prints nothing that a guest wrote as it is", async () => {
    await it_.allow({ allow: ["allowed.example.org"] });
    await expect(lookup("refused.example.org")).rejects.toThrow();
    await greet(NAMED, { name: "ev\x1b[2Jil.example.org" });
    await greet(NAMED, {});
    const { refused } = await it_.figures();
    expect(refused).toContainEqual(
      expect.objectContaining({ destination: "refused.example.org", protocol: "dns", reason: "dns" }),
    );
    expect(refused).toContainEqual(
      expect.objectContaining({ destination: "ev?[2Jil.example.org", protocol: "tcp", port: 443, reason: "name" }),
    );
    expect(refused).toContainEqual(expect.objectContaining({ destination: "?", port: 443, reason: "no_name" }));
  });

  it("is in force when its change is answered", async () => {
    const times: number[] = [];
    for (let round = 0; round < 10; round++) {
      const egress = round % 2 === 0 ? { allow: [`${INTERNET}.0/24`] } : { allow: ["allowed.example.org"] };
      times.push(await it_.server().call<number>("timeConfigure", it_.slot.number, { ...OPEN_NETWORK, egress }));
      expect(await it_.answers(tcp(OTHER))).toEqual([round % 2 === 0 ? "reached" : REFUSED]);
    }
    console.log(`a change of policy took ${times.map((ms) => ms.toFixed(1)).join(", ")} ms`);
  });
});
