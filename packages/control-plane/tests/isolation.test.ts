import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startTestServer, type Json, type TestServer } from "./support/server.ts";

/** The stand-in host makes whatever runtime it is asked for, so a sandbox's runtime is what the host was told. */
let server: TestServer;
let slug: string;
let token: string;
let number = 0;
beforeAll(async () => (server = await startTestServer({ defaultRuntime: "auto" })));
afterAll(() => server.stop());
beforeEach(async () => {
  slug = `isolated-${++number}`;
  await server.api("POST", "/v1/workspaces", { slug });
  token = (await server.api("POST", `/v1/workspaces/${slug}/tokens`, {})).body.token;
});

const create = (body: Json = {}) => server.api("POST", "/v1/sandboxes", body, { token });
const need = (isolation: string) => server.api("PATCH", `/v1/workspaces/${slug}/isolation`, { isolation });
const forbidden = { status: 403, body: { code: "runtime.forbidden", details: { field: "runtime" } } };

describe("a runtime", () => {
  test("is the host's to choose, or the caller's by name", async () => {
    expect((await create()).body.runtime).toBe("fake");
    expect((await create({ runtime: "auto" })).body.runtime).toBe("fake");
    expect((await create({ runtime: "microvm" })).body).toMatchObject({ runtime: "qemu", isolation: "microvm-kvm" });
    expect((await create({ runtime: "gvisor" })).body).toMatchObject({ runtime: "gvisor", isolation: "gvisor" });
    const unknown = await create({ runtime: "docker" });
    expect(unknown).toMatchObject({ status: 400, body: { code: "runtime.unavailable" } });
    expect(unknown.body.details.runtimes).toEqual(["auto", "microvm", "gvisor"]);
  });

  test("of a snapshot is the one that took it, whatever the server's default is", async () => {
    const { id } = (await create({ runtime: "gvisor" })).body;
    const snapshot = (await server.api("POST", `/v1/sandboxes/${id}/snapshots`, undefined, { token })).body;
    expect(snapshot.runtime).toBe("gvisor");
    expect((await create({ from_snapshot: snapshot.id })).body.runtime).toBe("gvisor");
  });
});

describe("a workspace whose sandboxes need kernels of their own", () => {
  test("gets microVMs, and no gVisor by whichever way", async () => {
    const old = (await create({ runtime: "gvisor" })).body.id;
    const snapshot = (await server.api("POST", `/v1/sandboxes/${old}/snapshots`, undefined, { token })).body.id;
    expect((await need("kernel")).body).toEqual({ isolation: "kernel" });

    expect((await create()).body.runtime).toBe("qemu");
    expect((await create({ runtime: "microvm" })).body.runtime).toBe("qemu");
    expect(await create({ runtime: "gvisor" })).toMatchObject(forbidden);
    expect(await create({ from_snapshot: snapshot })).toMatchObject(forbidden);
    expect(await server.api("POST", `/v1/sandboxes/${old}/fork`, {}, { token })).toMatchObject(forbidden);
    // What there is stays as it is.
    expect((await server.api("GET", `/v1/sandboxes/${old}`, undefined, { token })).body.status).toBe("running");

    await need("any");
    expect((await create({ runtime: "gvisor" })).status).toBe(201);
  });

  test("is made so by admins, and only by a policy that there is", async () => {
    expect((await server.api("GET", `/v1/workspaces/${slug}/isolation`)).body).toEqual({ isolation: "any" });
    const asMember = await server.api("PATCH", `/v1/workspaces/${slug}/isolation`, { isolation: "kernel" }, { token });
    expect(asMember.status).toBe(403);
    expect((await need("hypervisor")).status).toBe(400);
    for (const method of ["GET", "PATCH"] as const) {
      const reply = await server.api(
        method,
        "/v1/workspaces/nobody/isolation",
        method === "PATCH" ? { isolation: "any" } : undefined,
      );
      expect(reply).toMatchObject({ status: 404, body: { code: "workspace.not_found" } });
    }
  });
});
