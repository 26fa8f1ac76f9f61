import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { Tally } from "../src/accounts/tally.ts";
import { OpenCalls } from "../src/http/open-calls.ts";
import { limitsWith } from "./support/server.ts";
import { dial } from "./support/http.ts";

const principal = { workspace: "default", tokenPrefix: "pds_1", limits: limitsWith({}) };

test.each([
  ["a stream", ""],
  ["a socket", "Connection: Upgrade\r\nUpgrade: websocket\r\n"],
])("%s whose caller left before it was opened is aborted at once, and not counted", async (_, upgrade) => {
  const streams = new Tally("streams");
  const openCalls = new OpenCalls(streams);
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const taken = once(server, upgrade === "" ? "request" : "upgrade");
  const caller = await dial(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  caller.write(`GET / HTTP/1.1\r\nHost: x\r\n${upgrade}\r\n`);
  const [raw, response] = (await taken) as [IncomingMessage, ServerResponse];
  const closed = once(upgrade === "" ? response : raw.socket, "close");
  raw.socket.destroy();
  await closed;
  const signal = openCalls.open({ ws: upgrade !== "", raw, principal } as never, { raw: response } as never, true);
  expect(signal.aborted).toBe(true);
  expect([streams.count("default"), openCalls.longCount, openCalls.tokens()]).toEqual([0, 0, []]);
  caller.destroy();
  server.close();
});
