import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { waitFor } from "@pandastack/platform";
import { startTestServer, type TestServer } from "./support/server.ts";

let server: TestServer;
beforeAll(async () => (server = await startTestServer()));
afterAll(() => server.stop());

const post = (path: string, key: string, body?: unknown, token?: string) =>
  server.api("POST", path, body, { headers: { "idempotency-key": key }, ...(token === undefined ? {} : { token }) });

describe("Idempotency-Key", () => {
  test("the same request again gets the same answer; nothing is done twice", async () => {
    const first = await post("/v1/sandboxes", "create-1", { metadata: { a: "1" } });
    const again = await post("/v1/sandboxes", "create-1", { metadata: { a: "1" } });
    expect(first.status).toBe(201);
    expect(again).toMatchObject({ status: 201, body: first.body });
    expect(first.headers.get("idempotency-replayed")).toBeNull();
    expect(again.headers.get("idempotency-replayed")).toBe("true");
    expect(
      (await server.api("GET", "/v1/sandboxes")).body.filter(
        (sandbox: { metadata: { a?: string } }) => sandbox.metadata.a === "1",
      ),
    ).toHaveLength(1);
  });

  test("two at the same time are one", async () => {
    server.host.script("createSandbox", { delayMs: 200 });
    const done = server.host.state.done["createSandbox"] ?? 0;
    const replies = await Promise.all(Array.from({ length: 8 }, () => post("/v1/sandboxes", "at-once")));
    expect(new Set(replies.map((reply) => reply.body.id)).size).toBe(1);
    expect(replies.map((reply) => reply.status)).toEqual(Array(8).fill(201));
    expect(server.host.state.done["createSandbox"]).toBe(done + 1);
  });

  test("another body, or another operation, with the same key is a mistake", async () => {
    await post("/v1/sandboxes", "mistake", { ttl_seconds: 10 });
    expect(await post("/v1/sandboxes", "mistake", { ttl_seconds: 11 })).toMatchObject({
      status: 409,
      body: { code: "idempotency.conflict" },
    });
    const { body } = await server.api("POST", "/v1/sandboxes");
    expect(await post(`/v1/sandboxes/${body.id}/fork`, "mistake", { ttl_seconds: 10 })).toMatchObject({ status: 409 });
  });

  test("keys of workspaces do not meet", async () => {
    await server.api("POST", "/v1/workspaces", { slug: "other" });
    const { token } = (await server.api("POST", "/v1/workspaces/other/tokens")).body;
    const mine = await post("/v1/sandboxes", "shared");
    const theirs = await post("/v1/sandboxes", "shared", { ttl_seconds: 5 }, token);
    expect(theirs.status).toBe(201);
    expect(theirs.body.id).not.toBe(mine.body.id);
  });

  test("a failure is not remembered", async () => {
    server.host.script("createSandbox", { refuse: "capacity.unavailable" });
    expect((await post("/v1/sandboxes", "failing")).status).toBe(429);
    expect((await post("/v1/sandboxes", "failing")).status).toBe(201);
    expect((await post("/v1/sandboxes", "bad", { ttl_seconds: -1 })).status).toBe(400);
    expect((await post("/v1/sandboxes", "bad", { ttl_seconds: 1 })).status).toBe(201);
  });

  test("forks, trees and snapshots too", async () => {
    const { body } = await server.api("POST", "/v1/sandboxes");
    for (const action of ["fork", "fork-tree", "snapshots"]) {
      const first = await post(`/v1/sandboxes/${body.id}/${action}`, `key-${action}`);
      const again = await post(`/v1/sandboxes/${body.id}/${action}`, `key-${action}`);
      expect(first.status).toBe(201);
      expect(again.body).toEqual(first.body);
    }
    expect((await server.api("GET", `/v1/snapshots?sandbox_id=${body.id}`)).body.snapshots).toHaveLength(1);
  });

  test("a request whose control plane died half-way is finished by its repetition, under the same ids", async () => {
    // What a control plane leaves that died after its host had made the sandbox: the key in progress, and a row still creating.
    const first = await post("/v1/sandboxes", "died");
    await server.database.query(
      `update sandboxes set status = 'creating', owner = gen_random_uuid() where id = '${first.body.id}'`,
    );
    await server.database.query(
      "update idempotency_keys set status = null, reply = null, owner = gen_random_uuid() where key = 'died'",
    );
    const done = server.host.state.done["createSandbox"];
    const again = await post("/v1/sandboxes", "died");
    expect(again).toMatchObject({ status: 201, body: { id: first.body.id, status: "running" } });
    expect(server.host.state.done["createSandbox"]).toBe(done);
  });

  test("… and when what it made was undone in the meantime, it is made anew", async () => {
    const first = await post("/v1/sandboxes", "undone");
    await server.api("DELETE", `/v1/sandboxes/${first.body.id}`);
    await server.database.query(
      "update idempotency_keys set status = null, reply = null, owner = gen_random_uuid() where key = 'undone'",
    );
    const again = await post("/v1/sandboxes", "undone");
    expect(again.status).toBe(201);
    expect(again.body.id).not.toBe(first.body.id);
  });

  describe("with a database that takes no notes when the work is done", () => {
    const refuse = (what: "update" | "delete") =>
      server.database.query(`
        create or replace function take_no_notes() returns trigger language plpgsql as
          $$ begin raise exception 'shutting down' using errcode = '57P01'; end $$;
        create trigger no_notes before ${what} on idempotency_keys for each row execute function take_no_notes()`);
    const allow = () => server.database.query("drop trigger no_notes on idempotency_keys");
    const noted = async (key: string): Promise<unknown> =>
      (await server.database.query(`select status from idempotency_keys where key = '${key}'`)).rows[0]?.["status"];

    test("the answer is given, written down when that can be done, and given again to who repeats meanwhile", async () => {
      await refuse("update");
      const first = await post("/v1/sandboxes", "noted-late");
      const again = post("/v1/sandboxes", "noted-late");
      expect(first.status).toBe(201);
      expect(await noted("noted-late")).toBeNull();
      const done = server.host.state.done["createSandbox"];
      await allow();
      expect(await again).toMatchObject({ status: 201, body: first.body });
      expect(await noted("noted-late")).toBe(201);
      expect(server.host.state.done["createSandbox"]).toBe(done);
    });

    test("… also when nobody repeats it", async () => {
      await refuse("update");
      expect((await post("/v1/sandboxes", "noted-alone")).status).toBe(201);
      await allow();
      await waitFor(async () => (await noted("noted-alone")) === 201, {
        timeoutMs: 5_000,
        message: "not written down",
      });
    });

    test("a failure's key is free when that can be written", async () => {
      await refuse("delete");
      server.host.script("createSandbox", { refuse: "capacity.unavailable" });
      expect((await post("/v1/sandboxes", "freed-late")).status).toBe(429);
      expect(await noted("freed-late")).toBeNull();
      await allow();
      await waitFor(async () => (await noted("freed-late")) === undefined, { timeoutMs: 5_000, message: "not freed" });
      expect((await post("/v1/sandboxes", "freed-late")).status).toBe(201);
    });
  });

  test.each(["", "with space", "ü".normalize("NFC"), "a".repeat(256)])("refuses the key %j", async (key) => {
    const reply = await post("/v1/sandboxes", key).catch(() => undefined);
    // Some of these never leave the client.
    if (reply !== undefined)
      expect(reply).toMatchObject({ status: 400, body: { error: expect.stringMatching(/^Idempotency-Key: /) } });
  });

  test("without the header, every request is its own", async () => {
    const [a, b] = [await server.api("POST", "/v1/sandboxes"), await server.api("POST", "/v1/sandboxes")];
    expect(a.body.id).not.toBe(b.body.id);
  });
});
