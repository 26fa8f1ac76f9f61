import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestServer, type TestServer } from "./support/server.ts";

let server: TestServer;
beforeAll(async () => (server = await startTestServer()));
afterAll(() => server.stop());

test("create, exec, files, delete", async () => {
  const { api } = server;
  const created = await api("POST", "/v1/sandboxes", { metadata: { a: "1", workspace: "x", "secret.k": "v" } });
  expect(created.body).toMatchObject({ status: "running", template: "base", metadata: { a: "1", "secret.k": "[redacted]" }, ttl_seconds: 3600 });
  expect(created.status).toBe(201);
  const { id } = created.body;
  const exec = await api("POST", `/v1/sandboxes/${id}/exec`, { cmd: "echo hello" });
  expect(exec).toMatchObject({ status: 200, body: { stdout: "hello\n", exit_code: 0 } });
  expect(await api("PUT", `/v1/sandboxes/${id}/fs?path=/tmp/a+b.txt`, "content")).toMatchObject({ status: 200, body: { path: "/tmp/a b.txt", bytes: 7 } });
  expect(await api("GET", `/v1/sandboxes/${id}/fs?path=%2Ftmp%2Fa%20b.txt`)).toMatchObject({ status: 200, body: "content" });
  expect((await api("GET", `/v1/sandboxes/${id}/fs/dir?path=/tmp`)).body).toMatchObject({ path: "/tmp", entries: [{ name: "a b.txt", is_dir: false, size: 7 }] });
  expect(await api("DELETE", `/v1/sandboxes/${id}`)).toMatchObject({ status: 204 });
  expect(await api("DELETE", `/v1/sandboxes/${id}`)).toMatchObject({ status: 204 });
  expect(await api("GET", `/v1/sandboxes/${id}`)).toMatchObject({ status: 404, body: { code: "sandbox.not_found" } });
});
