import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestServer, type TestServer } from "./support/server.ts";

/** Names, sizes, networks, domains and ports that are none: 400, with the field, and nothing is made or changed. */
let server: TestServer;
let id: string;
beforeAll(async () => {
  server = await startTestServer();
  id = (await server.api("POST", "/v1/sandboxes")).body.id;
  expect((await server.api("POST", "/v1/volumes", { name: "there", size_mb: 64 })).status).toBe(201);
});
afterAll(() => server.stop());

const sandboxes = "POST /v1/sandboxes";
const sandbox = "PATCH /v1/sandboxes/{id}";
const workspace = "PATCH /v1/workspaces/default/network";
const allow = (destination: unknown) => ({ network: { egress: { allow: [destination] } } });
const mount = (volume: object) => ({ volumes: [{ name: "there", ...volume }] });

test.each<[string, unknown, string]>([
  ...["10.0.0.1/8", "192.0.2.0/33", "192.0.2.0/-1", "256.1.1.1", "192.0.2", "", "::1/128", 7].flatMap(
    (cidr): [string, unknown, string][] => [
      [sandboxes, allow(cidr), "network.egress.allow.0"],
      [sandbox, { network: { egress: { deny: ["a.example", cidr] } } }, "network.egress.deny.1"],
    ],
  ),
  ...[
    "*",
    "*.*.example.com",
    "a..example",
    "-a.example",
    "exa mple",
    "https://a.example",
    "a.example:443",
    "localhost",
  ].map((domain): [string, unknown, string] => [sandboxes, allow(domain), "network.egress.allow.0"]),
  [sandboxes, { network: { egress: { allowPrivate: ["203.0.113.0/24"] } } }, "network.egress.allowPrivate.0"],
  [sandbox, { egress_mbps: -1 }, "egress_mbps"],
  [sandbox, { egress_mbps: "10" }, "egress_mbps"],
  ["POST /v1/volumes", {}, "name"],
  ...["", ".", "..", ".hidden", "a/b", "a b", "a".repeat(64), "ü", 7].map((name): [string, unknown, string] => [
    "POST /v1/volumes",
    { name },
    "name",
  ]),
  ...[0, 15, 65_537, -16, 16.5, "16"].map((size): [string, unknown, string] => [
    "POST /v1/volumes",
    { name: "fine", size_mb: size },
    "size_mb",
  ]),
  ["PATCH /v1/volumes/there", { size_mb: 32 }, "size_mb"],
  ["PATCH /v1/volumes/there", { size_mb: 65_537 }, "size_mb"],
  ["POST /v1/volumes/there/clone", { name: "a/b" }, "name"],
  ["POST /v1/volumes/there/snapshot", {}, "name"],
  ...["mnt/x", "/", "/etc", "/etc/x", "/usr/local", "/mnt/../etc", "/mnt/x/", "/mnt//x", "/mnt/ä"].map(
    (path): [string, unknown, string] => [sandboxes, mount({ path }), "volumes.0.path"],
  ),
  [sandboxes, mount({ name: ".." }), "volumes.0.name"],
  [sandboxes, mount({ read_only: "yes" }), "volumes.0.read_only"],
  [sandboxes, { volumes: Array.from({ length: 5 }, (_, n) => ({ name: `v${n}` })) }, "volumes"],
  ["POST /v1/sandboxes/{id}/fork", { volumes: "share" }, "volumes"],
  ...[0, 22, 65_536, 1.5, "3000"].flatMap((port): [string, unknown, string][] => [
    ["POST /v1/sandboxes/{id}/ports", { port }, "port"],
    ["POST /v1/sandboxes/{id}/preview-token", { port }, "port"],
  ]),
  ["POST /v1/sandboxes/{id}/preview-token", { port: 3000, ttl_seconds: 604_801 }, "ttl_seconds"],
  ["POST /v1/sandboxes/{id}/preview", { port: 3000, paths: ["no-slash"] }, "paths.0"],
  ["DELETE /v1/sandboxes/{id}/preview-token?token=", undefined, "token"],
  [workspace, { ceiling: { egress: { allow: ["1.2.3"] } } }, "ceiling.egress.allow.0"],
])("%s %j: %s", async (operation, body, field) => {
  const [method = "", path = ""] = operation.split(" ");
  const done = { ...server.host.state.done };
  const reply = await server.api(method, path.replace("{id}", id), body);
  expect([reply.status, reply.body.code, reply.body.details?.field]).toEqual([400, "validation.failed", field]);
  expect(reply.body.error).toMatch(new RegExp(`^${field.replaceAll(".", "\\.")}: `));
  expect(server.host.state.done).toEqual(done);
});
