import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestServer, type ApiReply, type TestServer } from "./support/server.ts";

let server: TestServer;
beforeAll(async () => (server = await startTestServer()));
afterAll(() => server.stop());

let number = 0;
async function make(sizeMb?: number): Promise<string> {
  const name = `data-${number++}`;
  const body = { name, ...(sizeMb === undefined ? {} : { size_mb: sizeMb }) };
  expect((await server.api("POST", "/v1/volumes", body)).status).toBe(201);
  return name;
}
const get = async (name: string): Promise<ApiReply> => server.api("GET", `/v1/volumes/${name}`);
const create = (volumes: unknown): Promise<ApiReply> => server.api("POST", "/v1/sandboxes", { volumes });

describe("volumes", () => {
  test("create, get, list, grow, delete", async () => {
    const name = await make();
    expect(await get(name)).toMatchObject({
      status: 200,
      body: { name, size_mb: 256, size_bytes: 256 * 1_048_576, attached_to: [], is_snapshot: false },
    });
    expect((await server.api("GET", "/v1/volumes")).body.map((one: { name: string }) => one.name)).toContain(name);
    const grow = (sizeMb: unknown) => server.api("PATCH", `/v1/volumes/${name}`, { size_mb: sizeMb });
    expect(await grow(512)).toMatchObject({ status: 200, body: { size_mb: 512 } });
    expect(await grow(512)).toMatchObject({ status: 200 });
    expect(await grow(256)).toMatchObject({ status: 400, body: { details: { field: "size_mb" } } });
    expect((await server.api("DELETE", `/v1/volumes/${name}`)).status).toBe(204);
    expect(await get(name)).toMatchObject({ status: 404, body: { code: "volume.not_found" } });
    expect((await server.api("DELETE", `/v1/volumes/${name}`)).status).toBe(404);
    expect((await server.api("POST", "/v1/volumes", { name })).status, "the name is free again").toBe(201);
  });

  test.each([
    ["no name", {}, "name"],
    ["a name with a slash", { name: "a/b" }, "name"],
    ["a name of dots", { name: ".." }, "name"],
    ["an empty name", { name: "" }, "name"],
    ["a long name", { name: "a".repeat(64) }, "name"],
    ["a size of nothing", { name: "x", size_mb: 0 }, "size_mb"],
    ["a negative size", { name: "x", size_mb: -1 }, "size_mb"],
    ["a size that is too large", { name: "x", size_mb: 65_537 }, "size_mb"],
    ["half a megabyte", { name: "x", size_mb: 20.5 }, "size_mb"],
    ["a size as text", { name: "x", size_mb: "256" }, "size_mb"],
  ])("%s is refused with its field", async (_, body, field) => {
    expect(await server.api("POST", "/v1/volumes", body)).toMatchObject({
      status: 400,
      body: { code: "validation.failed", details: { field } },
    });
  });

  test("a name is taken once; a repeated request under its key makes one", async () => {
    const name = await make();
    expect(await server.api("POST", "/v1/volumes", { name })).toMatchObject({
      status: 409,
      body: { code: "volume.already_exists" },
    });
    const headers = { "idempotency-key": "volume-once" };
    const first = await server.api("POST", "/v1/volumes", { name: "once" }, { headers });
    const again = await server.api("POST", "/v1/volumes", { name: "once" }, { headers });
    expect(first.status).toBe(201);
    expect(again.body).toEqual(first.body);
  });

  test("what the pool has no room for is 507, and nothing is made of it", async () => {
    expect(await server.api("POST", "/v1/volumes", { name: "huge", size_mb: 65_536 })).toMatchObject({
      status: 507,
      body: { code: "capacity.insufficient_storage" },
    });
    expect((await get("huge")).status).toBe(404);
    expect((await server.api("POST", "/v1/volumes", { name: "huge", size_mb: 16 })).status).toBe(201);
  });

  test("of two sandboxes that want to write to one, exactly one gets it", async () => {
    const name = await make();
    const both = await Promise.all([create([{ name }]), create([{ name }])]);
    expect(both.map((reply) => reply.status).toSorted()).toEqual([201, 409]);
    const won = both.find((reply) => reply.status === 201)!.body;
    expect(both.find((reply) => reply.status === 409)!.body.code).toBe("volume.in_use");
    expect(won.volumes).toEqual([{ name, path: `/mnt/${name}`, read_only: false }]);
    const reader = await create([{ name, read_only: true, path: "/srv/data" }]);
    expect(reader.body.volumes).toEqual([{ name, path: "/srv/data", read_only: true }]);
    expect((await get(name)).body.attached_to).toEqual([
      { sandbox_id: won.id, path: `/mnt/${name}`, read_only: false },
      { sandbox_id: reader.body.id, path: "/srv/data", read_only: true },
    ]);
    expect(await server.api("DELETE", `/v1/volumes/${name}`)).toMatchObject({
      status: 409,
      body: { code: "volume.in_use" },
    });
    for (const id of [won.id, reader.body.id]) await server.api("DELETE", `/v1/sandboxes/${id}`);
    expect((await server.api("DELETE", `/v1/volumes/${name}`)).status).toBe(204);
  });

  test("the same volume or path twice in one create is refused with its field", async () => {
    const [one, two] = [await make(), await make()];
    expect(await create([{ name: one }, { name: one }])).toMatchObject({
      status: 400,
      body: { details: { field: "volumes.1.name" } },
    });
    const same = [
      { name: one, path: "/mnt/x" },
      { name: two, path: "/mnt/x" },
    ];
    expect(await create(same)).toMatchObject({ status: 400, body: { details: { field: "volumes.1.path" } } });
  });

  test("clone and snapshot; a snapshot is for reading only", async () => {
    const name = await make(32);
    const clone = await server.api("POST", `/v1/volumes/${name}/clone`, { name: `${name}-clone` });
    expect(clone).toMatchObject({ status: 201, body: { size_mb: 32, is_snapshot: false } });
    const snapshot = await server.api("POST", `/v1/volumes/${name}/snapshot`, { name: `${name}-then` });
    expect(snapshot).toMatchObject({ status: 201, body: { is_snapshot: true } });
    expect(await create([{ name: `${name}-then`, read_only: false }])).toMatchObject({ status: 400 });
    expect((await create([{ name: `${name}-then` }])).body.volumes).toMatchObject([{ read_only: true }]);
    expect((await server.api("POST", "/v1/volumes/none/clone", { name: "x" })).status).toBe(404);
  });

  test("a fork reads its parent's volume, or has a clone", async () => {
    const name = await make();
    const { id } = (await create([{ name }])).body;
    const reader = await server.api("POST", `/v1/sandboxes/${id}/fork`);
    expect(reader.body.volumes).toEqual([{ name, path: `/mnt/${name}`, read_only: true }]);
    const clones = await server.api("POST", `/v1/sandboxes/${id}/fork`, { count: 2, volumes: "clone" });
    expect(clones.status).toBe(201);
    for (const child of clones.body.children) {
      const own = `${name}-${child.id.slice(0, 8)}`;
      expect(child.volumes).toEqual([{ name: own, path: `/mnt/${name}`, read_only: false }]);
      expect((await get(own)).body.attached_to).toMatchObject([{ sandbox_id: child.id }]);
    }
    const refusedFork = await server.api("POST", `/v1/sandboxes/${id}/fork`, { volumes: "share" });
    expect(refusedFork).toMatchObject({ status: 400, body: { details: { field: "volumes" } } });
  });

  test("a volume of a create that fails is anyone's", async () => {
    const name = await make();
    server.host.script("createSandbox", { refuse: "capacity.insufficient_memory" });
    expect((await create([{ name }])).status).toBe(507);
    expect((await create([{ name }])).status).toBe(201);
  });
});
