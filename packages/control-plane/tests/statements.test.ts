import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { callContext } from "../src/calls/context.ts";
import { startTestServer, type TestServer } from "./support/server.ts";

/**
 * What a create asks of the database, one after the other: each is a way there and back within the 10 ms that the control
 * plane may add to a create. One more has to be worth it, and this list says so.
 */
const REQUEST = "counted";
const seen: string[] = [];
const prototype = pg.Client.prototype as unknown as { query: (...args: unknown[]) => unknown };
const { query } = prototype;

/** Written behind the answer. */
const AUDIT = "insert into audit";
const opening = (text: string): string => /^(?:insert into|update|select .*? from) "?\w+"?/.exec(text)?.[0] ?? text;

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  prototype.query = function (this: unknown, ...args: unknown[]) {
    const text = typeof args[0] === "string" ? args[0] : (args[0] as { text: string }).text;
    // Whoever asks for itself, such as the reaper, is not counted.
    if (callContext.getStore()?.requestId === REQUEST) seen.push(text.trim().replaceAll(/\s+/g, " "));
    return query.apply(this, args);
  };
});
afterAll(async () => {
  prototype.query = query;
  await server.stop();
});

async function statementsOf(method: string, path: string, body?: unknown): Promise<{ id: string; sent: string[] }> {
  seen.length = 0;
  const reply = await server.api(method, path, body, { headers: { "x-request-id": REQUEST } });
  expect(reply.status, JSON.stringify(reply.body)).toBeLessThan(300);
  return { id: reply.body.id, sent: seen.map(opening).filter((text) => text !== AUDIT) };
}

test("a create is two statements, besides the token's: its row, what came of it", async () => {
  const { id, sent } = await statementsOf("POST", "/v1/sandboxes", {});
  expect(sent).toEqual(["insert into sandboxes", 'update "sandboxes"']);
  expect((await statementsOf("POST", `/v1/sandboxes/${id}/exec`, { cmd: "true" })).sent).toEqual([
    'select * from "sandboxes"',
  ]);
});
