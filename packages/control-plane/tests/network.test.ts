import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestServer, type TestServer } from "./support/server.ts";

let server: TestServer;
beforeAll(async () => void (server = await startTestServer()));
afterAll(() => server.stop());

const create = (body: unknown) => server.api("POST", "/v1/sandboxes", body);
const onHost = (id: string) => server.host.state.sandbox(id).info.network;
const ceilingOf = (slug: string, body: unknown) => server.api("PATCH", `/v1/workspaces/${slug}/network`, body);

/** A workspace of its own, and its member. */
async function workspace(slug: string) {
  await server.api("POST", "/v1/workspaces", { slug });
  const { token } = (await server.api("POST", `/v1/workspaces/${slug}/tokens`, { role: "member" })).body;
  return (method: string, path: string, body?: unknown) => server.api(method, path, body, { token });
}

describe("a sandbox's network", () => {
  test("is open without a word, and what was asked for else, on the host before it answers", async () => {
    const { body: open } = await create({});
    expect(open).toMatchObject({ network: { egress: "open" }, egress_mbps: null });
    const asked = { network: { egress: { allow: ["Example.COM.", "192.0.2.0/24", "192.0.2.7"] } }, egress_mbps: 2.5 };
    const { body: made } = await create(asked);
    expect(made).toMatchObject({ network: { egress: { allow: ["192.0.2.0/24", "example.com"] } }, egress_mbps: 2.5 });
    expect(onHost(made.id)).toEqual({ egress: { allow: ["192.0.2.0/24", "example.com"] }, egressMbps: 2.5 });
    const { body: off } = await create({ network: { egress: { allow: [] } } });
    expect(off.network).toEqual({ egress: "off" });
  });

  test("changes on the host, in any state, and stays in the row", async () => {
    const { id } = (await create({ egress_mbps: 10 })).body;
    for (const egress of ["off", { deny: ["bad.example"] }, "open"]) {
      const { status, body } = await server.api("PATCH", `/v1/sandboxes/${id}`, { network: { egress } });
      expect([status, body.network, body.egress_mbps]).toEqual([200, { egress }, 10]);
      expect(onHost(id)).toEqual({ egress, egressMbps: 10 });
    }
    await server.api("POST", `/v1/sandboxes/${id}/hibernate`);
    const { body } = await server.api("PATCH", `/v1/sandboxes/${id}`, {
      network: { egress: "off" },
      egress_mbps: null,
    });
    expect(body).toMatchObject({ status: "hibernated", network: { egress: "off" }, egress_mbps: null });
    await server.api("POST", `/v1/sandboxes/${id}/wake`);
    expect((await server.api("GET", `/v1/sandboxes/${id}`)).body.network).toEqual({ egress: "off" });
  });

  test("is inherited by forks unless they are told otherwise", async () => {
    const { id } = (await create({ network: { egress: "off" }, egress_mbps: 5 })).body;
    const inherited = (await server.api("POST", `/v1/sandboxes/${id}/fork`, {})).body;
    expect(inherited.sandbox).toMatchObject({ network: { egress: "off" }, egress_mbps: 5 });
    const told = (
      await server.api("POST", `/v1/sandboxes/${id}/fork-tree`, { network: { egress: "open" }, egress_mbps: null })
    ).body;
    for (const child of told.children) {
      expect(child).toMatchObject({ network: { egress: "open" }, egress_mbps: null });
      expect(onHost(child.id)).toEqual({ egress: "open", egressMbps: null });
    }
  });

  test("shows what was sent and refused", async () => {
    const { id } = (await create({ network: { egress: { allow: ["a.example"] } } })).body;
    const { body } = await server.api("GET", `/v1/sandboxes/${id}/network`);
    expect(body).toMatchObject({
      network: { egress: { allow: ["a.example"] } },
      counters: { sent_bytes: 300, refused_packets: 1 },
      refused: [{ destination: `${id}.example.org`, reason: "dns", last_at: "2026-01-02T03:04:05.000Z" }],
    });
    expect((await server.api("GET", `/v1/sandboxes/${id}/metrics`)).body.network).toEqual(body.counters);
  });

  test.each([
    [{ network: { egress: "closed" } }, "network.egress"],
    [{ network: { egress: { allow: ["example.com", "10.0.0.1/8"] } } }, "network.egress.allow.1"],
    [{ network: { egress: { deny: ["exa mple"] } } }, "network.egress.deny.0"],
    [{ network: { egress: { allow: ["2001:db8::/32"] } } }, "network.egress.allow.0"],
    [{ network: { egress: { allow: ["a.example"], allowed: [] } } }, "network.egress.allowed"],
    [{ network: { egress: "open", ingress: "off" } }, "network.ingress"],
    [{ network: { egress: { allow: "a.example" } } }, "network.egress.allow"],
    [{ network: { egress: { allowPrivate: ["8.8.8.0/24"] } } }, "network.egress.allowPrivate.0"],
    [{ network: { egress: { allowPrivate: ["169.254.169.254"] } } }, "network.egress.allowPrivate.0"],
    [{ network: { egress: { allow: Array.from({ length: 257 }, () => "a.example") } } }, "network.egress.allow"],
    [{ network: {} }, "network.egress"],
    [{ egress_mbps: -1 }, "egress_mbps"],
    [{ egress_mbps: "fast" }, "egress_mbps"],
  ])("that is wrong is refused by field: %j", async (asked, field) => {
    const made = await create(asked);
    expect([made.status, made.body.code, made.body.details?.field]).toEqual([400, "validation.failed", field]);
    expect(made.body.error).toMatch(new RegExp(`^${field.replaceAll(".", "\\.")}: `));
  });

  test("changed by what is wrong stays as it is", async () => {
    const { id } = (await create({ network: { egress: "off" } })).body;
    const reply = await server.api("PATCH", `/v1/sandboxes/${id}`, { network: { egress: { allow: ["1.2.3"] } } });
    expect([reply.status, reply.body.details.field]).toEqual([400, "network.egress.allow.0"]);
    expect((await server.api("PATCH", `/v1/sandboxes/${id}`, { netwrok: 1 })).body.details.field).toBe("netwrok");
    expect(onHost(id).egress).toBe("off");
  });
});

describe("a workspace's network", () => {
  test("says what its sandboxes get, and no more than its ceiling", async () => {
    const api = await workspace("fenced");
    expect(
      (await ceilingOf("fenced", { ceiling: { egress: { allow: ["*.example.org", "192.0.2.0/24"] } } })).status,
    ).toBe(200);
    expect((await api("POST", "/v1/sandboxes", {})).body.network.egress).toEqual({
      allow: ["192.0.2.0/24", "*.example.org"],
    });
    await ceilingOf("fenced", { default: { egress: { allow: ["a.example.org"] } } });
    const { body: usual } = await api("POST", "/v1/sandboxes", {});
    expect(usual.network.egress).toEqual({ allow: ["a.example.org"] });
    const more = { network: { egress: { allow: ["b.example.org", "example.com"] } } };
    for (const reply of [
      await api("POST", "/v1/sandboxes", more),
      await api("PATCH", `/v1/sandboxes/${usual.id}`, more),
      await api("POST", `/v1/sandboxes/${usual.id}/fork`, more),
    ])
      expect([reply.status, reply.body.code, reply.body.details.field]).toEqual([
        403,
        "network.above_ceiling",
        "network.egress.allow.1",
      ]);
    expect((await api("POST", "/v1/sandboxes", { network: { egress: "open" } })).status).toBe(403);
    expect((await api("POST", "/v1/sandboxes", { network: { egress: "off" } })).status).toBe(201);
    expect((await server.api("GET", "/v1/workspaces/fenced/network")).body.default).toEqual({
      egress: { allow: ["a.example.org"] },
    });
    expect((await ceilingOf("fenced", { default: { egress: "open" } })).body.details.field).toBe("default.egress");
    expect((await api("PATCH", "/v1/workspaces/fenced/network", { ceiling: null })).status).toBe(403);
    await ceilingOf("fenced", { default: null, ceiling: null });
    expect((await api("POST", "/v1/sandboxes", {})).body.network.egress).toBe("open");
  });

  test("opens private networks as far as operator and ceiling let it", async () => {
    const ask = (allowPrivate: string[]) => ({ network: { egress: { allowPrivate } } });
    expect((await create(ask(["10.1.2.0/24"]))).status).toBe(201);
    expect((await create(ask(["10.1.2.0/24", "10.2.0.0/16"]))).body.details.field).toBe(
      "network.egress.allowPrivate.1",
    );
    const api = await workspace("narrow");
    await ceilingOf("narrow", { ceiling: { egress: { allowPrivate: ["10.1.2.0/24"] } } });
    expect((await api("POST", "/v1/sandboxes", ask(["10.1.2.128/25"]))).status).toBe(201);
    expect((await api("POST", "/v1/sandboxes", ask(["10.1.3.0/24"]))).status).toBe(403);
  });
});
