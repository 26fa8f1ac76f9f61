import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hashToken, tokenPrefix } from "../src/accounts/tokens.ts";
import { createTestDatabase } from "./support/database.ts";
import { ADMIN_TOKEN, startControlPlane, startTestServer, type TestServer } from "./support/server.ts";

let server: TestServer;
beforeAll(async () => (server = await startTestServer()));
afterAll(() => server.stop());

async function tokenFor(workspace: string, role: string): Promise<string> {
  await server.api("POST", "/v1/workspaces", { slug: workspace });
  return (await server.api("POST", `/v1/workspaces/${workspace}/tokens`, { role })).body.token;
}

describe("tokens", () => {
  test("who am I", async () => {
    expect((await server.api("GET", "/v1/me")).body).toEqual({
      user_id: "default",
      email: null,
      current_org: null,
      orgs: [],
      auth_method: "token",
      workspace: "default",
      role: "admin",
      token_prefix: "pds_00000000",
    });
  });

  test("created, listed, used, revoked: which acts at once", async () => {
    const created = await server.api("POST", "/v1/me/tokens", { label: "ci" });
    expect(created.status).toBe(200);
    expect(created.body).toMatchObject({
      token: expect.stringMatching(/^pds_[0-9a-f]{32}$/),
      label: "ci",
      role: "member",
      workspace: "default",
      expires_at: null,
    });
    expect(created.body.prefix).toBe(created.body.token.slice(0, 12));
    const list = await server.api("GET", "/v1/me/tokens");
    expect(list.body.items[0]).toMatchObject({ prefix: created.body.prefix, label: "ci" });
    expect(JSON.stringify(list.body)).not.toContain(created.body.token);
    expect((await server.api("GET", "/v1/sandboxes", undefined, { token: created.body.token })).status).toBe(200);
    expect((await server.api("DELETE", `/v1/me/tokens/${created.body.prefix}`)).status).toBe(204);
    expect(await server.api("GET", "/v1/sandboxes", undefined, { token: created.body.token })).toMatchObject({
      status: 401,
      body: { code: "auth.token_revoked" },
    });
    expect(await server.api("DELETE", `/v1/me/tokens/${created.body.prefix}`)).toMatchObject({
      status: 404,
      body: { code: "token.not_found" },
    });
    expect(
      (await server.api("GET", "/v1/me/tokens")).body.items.map((token: { prefix: string }) => token.prefix),
    ).not.toContain(created.body.prefix);
  });

  test("created without a body, as the published client may", async () => {
    expect((await server.api("POST", "/v1/me/tokens", {})).status).toBe(200);
    expect((await server.api("POST", "/v1/me/tokens")).status).toBe(200);
  });

  test("an expired one is not valid", async () => {
    const { body } = await server.api("POST", "/v1/me/tokens", { expires_in_days: 1 });
    expect(Date.parse(body.expires_at) - Date.now()).toBeGreaterThan(86_000_000);
    expect((await server.api("GET", "/v1/me", undefined, { token: body.token })).status).toBe(200);
    await server.database.query(
      `update tokens set expires_at = now() - interval '1 second' where prefix = '${body.prefix}'`,
    );
    expect(await server.api("GET", "/v1/me", undefined, { token: body.token })).toMatchObject({
      status: 401,
      body: { code: "auth.invalid_token" },
    });
  });

  test("the last admin token cannot be revoked", async () => {
    expect(await server.api("DELETE", "/v1/me/tokens/pds_00000000")).toMatchObject({
      status: 409,
      body: { code: "workspace.conflict" },
    });
  });

  test.each([
    "",
    "x",
    "pds_",
    "pds_00000000111111111111111111111111",
    "pds_" + "f".repeat(32),
    "é".repeat(10),
    "a".repeat(5000),
    "' or 1=1 --",
  ])("%j is not valid", async (token) => {
    const reply = await fetch(`${server.url}/v1/me?access_token=${encodeURIComponent(token)}`);
    expect(reply.status).toBe(401);
    expect(await reply.json()).toMatchObject({ code: token === "" ? "auth.missing_token" : "auth.invalid_token" });
  });

  test("nothing of a token is stored but its hash and its prefix", async () => {
    const { rows } = await server.database.query("select tokens::text as t from tokens");
    expect(JSON.stringify(rows)).not.toContain(ADMIN_TOKEN);
    expect(JSON.stringify(rows)).toContain(hashToken(ADMIN_TOKEN).toString("hex"));
  });

  test("of a token of unknown form not even the beginning is shown", () => {
    expect(tokenPrefix("hunter2")).toMatch(/^key_[0-9a-f]{8}$/);
    expect(tokenPrefix("pds_local_dev_token")).toMatch(/^key_/);
    expect(tokenPrefix(ADMIN_TOKEN)).toBe("pds_00000000");
  });

  test.each([{ role: "owner" }, { label: 5 }, { expires_in_days: -1 }])("refuses %j", async (body) => {
    expect(await server.api("POST", "/v1/me/tokens", body)).toMatchObject({
      status: 400,
      body: { error: expect.stringMatching(new RegExp(`^${Object.keys(body)[0]}: `)) },
    });
  });
});

describe("workspaces", () => {
  test("made once, listed, with tokens of their own", async () => {
    const slug = `team-${process.hrtime.bigint()}`;
    expect(await server.api("POST", "/v1/workspaces", { slug, name: "Team A" })).toMatchObject({
      status: 201,
      body: { slug, name: "Team A" },
    });
    expect(await server.api("POST", "/v1/workspaces", { slug })).toMatchObject({
      status: 409,
      body: { code: "workspace.conflict" },
    });
    expect(await server.api("POST", "/v1/workspaces", { slug: "Not A Slug" })).toMatchObject({
      status: 400,
      body: { error: expect.stringMatching(/^slug: /) },
    });
    expect(
      (await server.api("GET", "/v1/workspaces")).body.workspaces.map((workspace: { slug: string }) => workspace.slug),
    ).toContain(slug);
    const token = await tokenFor(slug, "member");
    expect((await server.api("GET", "/v1/me", undefined, { token })).body).toMatchObject({
      workspace: slug,
      role: "member",
    });
    expect((await server.api("GET", `/v1/workspaces/${slug}/tokens`)).body.items).toHaveLength(1);
    expect((await server.api("DELETE", `/v1/workspaces/${slug}/tokens/${token.slice(0, 12)}`)).status).toBe(204);
    expect((await server.api("GET", "/v1/me", undefined, { token })).status).toBe(401);
    for (const [method, path] of [
      ["GET", "/v1/workspaces/none/tokens"],
      ["POST", "/v1/workspaces/none/tokens"],
      ["DELETE", "/v1/workspaces/none/tokens/x"],
    ] as const) {
      expect(await server.api(method, path)).toMatchObject({ status: 404, body: { code: "workspace.not_found" } });
    }
  });

  test("each sees its own sandboxes and snapshots only, and creates in its own", async () => {
    const [a, b] = [await tokenFor("see-a", "member"), await tokenFor("see-b", "member")];
    const { body } = await server.api("POST", "/v1/sandboxes", {}, { token: a });
    expect(body.workspace).toBe("see-a");
    const snapshot = (await server.api("POST", `/v1/sandboxes/${body.id}/snapshots`, undefined, { token: a })).body;
    for (const token of [b, ADMIN_TOKEN]) {
      expect(
        (await server.api("GET", "/v1/sandboxes", undefined, { token })).body.map(
          (sandbox: { id: string }) => sandbox.id,
        ),
      ).not.toContain(body.id);
      expect((await server.api("GET", "/v1/snapshots", undefined, { token })).body.snapshots).toEqual([]);
      const foreign = await server.api("GET", `/v1/sandboxes/${body.id}`, undefined, {
        token,
        headers: { "x-request-id": "same" },
      });
      const unknown = await server.api("GET", `/v1/sandboxes/${"z".repeat(20)}`, undefined, {
        token,
        headers: { "x-request-id": "same" },
      });
      expect(foreign).toMatchObject({ status: 404, body: unknown.body });
      expect(await server.api("POST", "/v1/sandboxes", { from_snapshot: snapshot.id }, { token })).toMatchObject({
        status: 404,
        body: { code: "snapshot.not_found" },
      });
      expect((await server.api("DELETE", `/v1/sandboxes/${body.id}`, undefined, { token })).status).toBe(404);
      expect((await server.api("DELETE", `/v1/snapshots/${snapshot.id}`, undefined, { token })).status).toBe(404);
    }
    expect((await server.api("GET", `/v1/sandboxes/${body.id}`, undefined, { token: a })).status).toBe(200);
  });
});

describe("the first token", () => {
  test("is minted once and written for the operator alone, where none is given", async () => {
    const database = await createTestDatabase();
    const folder = mkdtempSync("/tmp/pandastack-test-bootstrap-");
    const file = join(folder, "token.json");
    const settings = {
      databaseUrl: database.url,
      hostSocket: server.host.socketPath,
      apiKey: undefined,
      bootstrapFile: file,
    };
    const first = await startControlPlane(settings);
    const { token } = JSON.parse(readFileSync(file, "utf8")) as { token: string };
    expect(token).toMatch(/^pds_[0-9a-f]{32}$/);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect((await first.api("GET", "/v1/me", undefined, { token })).body).toMatchObject({ role: "admin" });
    await first.controlPlane.stop();
    rmSync(file);
    const second = await startControlPlane({ ...settings, apiKey: "pds_" + "9".repeat(32) });
    expect(() => statSync(file)).toThrow();
    expect((await second.api("GET", "/v1/me", undefined, { token })).status).toBe(200);
    expect((await second.api("GET", "/v1/me", undefined, { token: "pds_" + "9".repeat(32) })).status).toBe(401);
    await second.controlPlane.stop();
    rmSync(folder, { recursive: true });
    await database.drop();
  });

  test("two control planes that start at once on an empty database agree on it", async () => {
    const database = await createTestDatabase();
    const settings = { databaseUrl: database.url, hostSocket: server.host.socketPath };
    const [a, b] = await Promise.all([startControlPlane(settings), startControlPlane(settings)]);
    expect((await a.api("GET", "/v1/me/tokens")).body.items).toHaveLength(1);
    expect((await b.api("GET", "/v1/me")).status).toBe(200);
    await Promise.all([a.controlPlane.stop(), b.controlPlane.stop()]);
    await database.drop();
  });
});
