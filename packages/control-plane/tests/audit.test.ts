import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { waitFor } from "@pandastack/platform";
import { startTestServer, type Json, type TestServer } from "./support/server.ts";

let server: TestServer;
beforeAll(async () => (server = await startTestServer()));
afterAll(() => server.stop());

/** Lines of the log, once as many as are expected are in it: they are written behind the answers. */
function entries(query: string, count: number): Promise<Json[]> {
  return waitFor(
    async () => {
      const { body } = await server.api("GET", `/v1/audit?${query}`);
      return body.entries.length >= count && (body.entries as Json[]);
    },
    { timeoutMs: 10_000, message: `fewer than ${count} entries for ${query}` },
  );
}

describe("the audit log", () => {
  test("who did what to what, with which outcome, under which request id; looking is not in it", async () => {
    const headers = { "x-request-id": "audit-1" };
    const { body } = await server.api("POST", "/v1/sandboxes", {}, { headers });
    await server.api("GET", `/v1/sandboxes/${body.id}`, undefined, { headers });
    await server.api("POST", `/v1/sandboxes/${body.id}/exec?token=pds_query`, { cmd: "echo hunter2" }, { headers });
    await server.api("POST", `/v1/sandboxes/${"z".repeat(20)}/pause`, undefined, { headers });
    await server.api("DELETE", `/v1/sandboxes/${body.id}`, undefined, { headers });
    const found = await entries("request_id=audit-1", 4);
    expect(found.map((entry) => [entry.operation, entry.target, entry.status, entry.code])).toEqual([
      ["deleteSandbox", body.id, 204, null],
      ["pauseSandbox", "z".repeat(20), 404, "sandbox.not_found"],
      ["exec", body.id, 200, null],
      ["createSandbox", body.id, 201, null],
    ]);
    expect(found[2]).toMatchObject({
      actor: "pds_00000000",
      role: "admin",
      workspace: "default",
      method: "POST",
      path: `/v1/sandboxes/${body.id}/exec`,
      request_id: "audit-1",
    });
    expect(JSON.stringify(found)).not.toMatch(/hunter2|pds_query/);
  });

  test("accounts, in the workspace that they are of, and a role that was too small; no token is in it", async () => {
    await server.api("POST", "/v1/workspaces", { slug: "audited" });
    const made = (await server.api("POST", "/v1/workspaces/audited/tokens", { role: "read" })).body;
    expect((await server.api("POST", "/v1/sandboxes", {}, { token: made.token })).status).toBe(403);
    expect((await server.api("GET", "/v1/audit", undefined, { token: made.token })).status).toBe(403);
    await server.api("DELETE", `/v1/workspaces/audited/tokens/${made.prefix}`);
    const found = await entries("workspace=audited", 4);
    expect(found.map((entry) => [entry.operation, entry.actor, entry.target, entry.status])).toEqual([
      ["revokeWorkspaceToken", "pds_00000000", made.prefix, 204],
      ["listAudit", made.prefix, null, 403],
      ["createSandbox", made.prefix, null, 403],
      ["createWorkspaceToken", "pds_00000000", made.prefix, 201],
    ]);
  });

  test("pages, and every filter", async () => {
    const ids: string[] = [];
    for (let i = 0; i < 5; i++) ids.push((await server.api("POST", "/v1/sandboxes", { metadata: {} })).body.id);
    await entries(`target=${ids[4]}`, 1);
    const seen: string[] = [];
    let before = "";
    for (;;) {
      const { body } = await server.api("GET", `/v1/audit?operation=createSandbox&limit=2${before}`);
      expect(body.entries.length).toBeLessThanOrEqual(2);
      seen.push(...body.entries.map((entry: Json) => entry.target));
      if (body.next_before === null) break;
      before = `&before=${body.next_before}`;
    }
    expect(seen.slice(0, 5)).toEqual(ids.toReversed());
    expect(new Set(seen.slice(0, 5)).size).toBe(5);
    const future = new Date(Date.now() + 60_000).toISOString();
    expect((await server.api("GET", `/v1/audit?since=${future}`)).body.entries).toEqual([]);
    expect((await server.api("GET", "/v1/audit?actor=pds_ffffffff")).body.entries).toEqual([]);
    expect((await server.api("GET", "/v1/audit?limit=1001")).status).toBe(400);
  });

  test("cannot be changed, nor emptied, and forgets only what is old", async () => {
    const query = (text: string) => server.database.query(text);
    await expect(query("update audit set actor = 'someone else'")).rejects.toThrow("append-only");
    await expect(query("delete from audit")).rejects.toThrow("append-only");
    await expect(query("truncate audit")).rejects.toThrow("append-only");
    await query(
      "insert into audit (time, actor, role, workspace, operation, method, path, request_id, status) values (now() - interval '91 days', 'a', 'admin', 'w', 'o', 'GET', '/', 'old', 200)",
    );
    const { pruneAudit } = await import("../src/accounts/audit.ts");
    await pruneAudit(server.controlPlane.parts.db, 90);
    expect((await query("select from audit where request_id = 'old'")).rows).toHaveLength(0);
    expect((await query("select from audit")).rows.length).toBeGreaterThan(5);
  });
});

describe("a request's id", () => {
  test("goes to the host and into the environment of what is started, and comes back", async () => {
    const headers = { "x-request-id": "trace-me/1" };
    const created = await server.api("POST", "/v1/sandboxes", {}, { headers });
    expect(created.headers.get("x-request-id")).toBe("trace-me/1");
    const said = await server.api(
      "POST",
      `/v1/sandboxes/${created.body.id}/exec`,
      { cmd: "env PANDASTACK_REQUEST_ID" },
      { headers },
    );
    expect(said.body.stdout).toBe("trace-me/1\n");
    expect(server.host.requestIds.get("POST /v1/operations")).toContain("trace-me/1");
    expect(server.host.requestIds.get(`POST /v1/sandboxes/${created.body.id}/exec`)).toEqual(["trace-me/1"]);
  });
});

describe("metadata that is secret", () => {
  test("is in no answer, no event, no row and no log of the server", async () => {
    const metadata = { "secret.key": "hunter2-in-the-open", plain: "shown" };
    const { body } = await server.api("POST", "/v1/sandboxes", { metadata });
    expect(body.metadata).toEqual({ "secret.key": "[redacted]", plain: "shown" });
    const child = (await server.api("POST", `/v1/sandboxes/${body.id}/fork`, { metadata })).body;
    expect(child.metadata["secret.key"]).toBe("[redacted]");
    for (const table of ["sandboxes", "events", "audit", "idempotency_keys"]) {
      const { rows } = await server.database.query(`select row_to_json(t)::text as text from ${table} t`);
      expect(JSON.stringify(rows)).not.toContain("hunter2-in-the-open");
    }
  });
});
