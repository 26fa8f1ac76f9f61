import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { waitFor } from "@pandastack/platform";
import { createTestDatabase } from "./support/database.ts";
import { FakeHostAgent } from "./support/fake-host.ts";
import { startControlPlane, startTestServer, type Api, type Json, type TestServer } from "./support/server.ts";

let server: TestServer;
beforeAll(async () => (server = await startTestServer({ defaultTtlSeconds: 1234 })));
afterAll(() => server.stop());

const created = async (body: unknown): Promise<Json> => (await server.api("POST", "/v1/sandboxes", body)).body;
const create = async (body: unknown): Promise<string> => (await created(body)).id;
const statusOf = async (id: string): Promise<string> =>
  (await server.api("GET", `/v1/sandboxes/${id}`)).body.status ?? "gone";
const until = (id: string, status: string) =>
  waitFor(async () => (await statusOf(id)) === status, { timeoutMs: 10_000, message: `it is not ${status}` });
const IDLE = { on_idle: "hibernate", idle_timeout_seconds: 1 };

describe("what is said", () => {
  const fields = ({ ttl_seconds, on_idle, idle_timeout_seconds, idles_at }: Json) => [
    ttl_seconds,
    on_idle,
    idle_timeout_seconds,
    typeof idles_at,
  ];

  test("nothing: the TTL, as ever", async () => {
    const { id, expires_at } = await created({});
    expect(expires_at).not.toBeNull();
    expect(fields((await server.api("GET", `/v1/sandboxes/${id}/lifecycle`)).body)).toEqual([
      1234,
      null,
      null,
      "object",
    ]);
  });

  test("on_idle alone takes the TTL's place; both act when both are given", async () => {
    expect(await created({ on_idle: "hibernate" })).toMatchObject({
      on_idle: "hibernate",
      idle_timeout_seconds: 300,
      ttl_seconds: 0,
      expires_at: null,
    });
    expect(await created({ on_idle: "kill", idle_timeout_seconds: 60, ttl_seconds: 600 })).toMatchObject({
      on_idle: "kill",
      idle_timeout_seconds: 60,
      ttl_seconds: 600,
    });
  });

  test("it is changed by PATCH, and taken back", async () => {
    const id = await create({});
    const patch = async (body: unknown) =>
      fields((await server.api("PATCH", `/v1/sandboxes/${id}/lifecycle`, body)).body);
    expect(await patch({ on_idle: "hibernate" })).toEqual([0, "hibernate", 300, "string"]);
    expect(await patch({ idle_timeout_seconds: 20 })).toEqual([0, "hibernate", 20, "string"]);
    expect(await patch({ on_idle: "kill", ttl_seconds: 50 })).toEqual([50, "kill", 20, "string"]);
    expect(await patch({})).toEqual([50, "kill", 20, "string"]);
    expect(await patch({ on_idle: null })).toEqual([1234, null, null, "object"]);
  });

  test.each([
    [{ on_idle: "sleep" }, "on_idle"],
    [{ on_idle: "hibernate", idle_timeout_seconds: 0 }, "idle_timeout_seconds"],
    [{ on_idle: "hibernate", idle_timeout_seconds: 1.5 }, "idle_timeout_seconds"],
    [{ idle_timeout_seconds: 60 }, "idle_timeout_seconds"],
    [{ on_idle: "kill", persistent: true }, "on_idle"],
  ])("%j is refused, with the field", async (body, field) => {
    const { status, body: reply } = await server.api("POST", "/v1/sandboxes", body);
    expect([status, reply.code, reply.details.field]).toEqual([400, "validation.failed", field]);
  });

  test("what makes a killable one persistent is refused, too", async () => {
    const id = await create({ on_idle: "kill" });
    const { status, body } = await server.api("PATCH", `/v1/sandboxes/${id}/lifecycle`, { persistent: true });
    expect([status, body.details.field]).toEqual([400, "on_idle"]);
    expect(server.host.state.sandbox(id).info.persistent).toBe(false);
  });

  test("a fork does as its parent does", async () => {
    const id = await create({ on_idle: "kill", idle_timeout_seconds: 77 });
    const [child, lasting] = await Promise.all(
      [{}, { persistent: true }].map(async (body) => (await server.api("POST", `/v1/sandboxes/${id}/fork`, body)).body),
    );
    expect(child.children[0]).toMatchObject({ on_idle: "kill", idle_timeout_seconds: 77 });
    expect(lasting.children[0]).toMatchObject({ on_idle: null, idle_timeout_seconds: null });
  });
});

describe("hibernate", { concurrent: true }, () => {
  test("after so long without use: running, paused and persistent ones", async () => {
    const [running, paused, persistent] = [
      await create(IDLE),
      await create(IDLE),
      await create({ ...IDLE, persistent: true }),
    ];
    await server.api("POST", `/v1/sandboxes/${paused}/pause`);
    await Promise.all([running, paused, persistent].map((id) => until(id, "hibernated")));
    const { body } = await server.api("POST", `/v1/sandboxes/${running}/exec`, { cmd: "echo awake" });
    expect(body.stdout).toBe("awake\n");
    await until(running, "hibernated");
  });

  test("packets keep it awake, also those that only its host knows of", async () => {
    const id = await create(IDLE);
    const sandbox = server.host.state.sandbox(id);
    sandbox.use = { isOpen: false, quietMs: 10 };
    const idlesAt = async () => Date.parse((await server.api("GET", `/v1/sandboxes/${id}/lifecycle`)).body.idles_at);
    const first = await idlesAt();
    await waitFor(async () => (await idlesAt()) > first + 1500, {
      timeoutMs: 10_000,
      message: "it is not put off twice",
    });
    expect(await statusOf(id)).toBe("running");
    sandbox.use = { isOpen: false, quietMs: 1500 };
    await until(id, "hibernated");
  });

  test("so does what is open in it, and looking at it does not", async () => {
    const [open, looked] = [await create(IDLE), await create(IDLE)];
    server.host.state.sandbox(open).use = { isOpen: true, quietMs: null };
    const command = server.api("POST", `/v1/sandboxes/${open}/exec`, { cmd: "sleep 1.5" });
    const timer = setInterval(() => void server.api("GET", `/v1/sandboxes/${looked}/metrics`), 200);
    await until(looked, "hibernated");
    clearInterval(timer);
    await command;
    expect(await statusOf(open)).toBe("running");
    server.host.state.sandbox(open).use = { isOpen: false, quietMs: null };
    await until(open, "hibernated");
  });
});

describe("a hibernation that", () => {
  test("its host refuses since it is in use after all, or since it has no room, is tried again", async () => {
    const id = await create(IDLE);
    server.host.script("hibernateSandbox", { refuse: "sandbox.in_use" });
    await until(id, "hibernated");
    const tries = server.host.arrivalsMs["hibernateSandbox"]!;
    const before = tries.length;
    const { promise: after, resolve: go } = Promise.withResolvers<void>();
    const noRoom = Array(2).fill({ refuse: "capacity.insufficient_storage" });
    server.host.script("hibernateSandbox", ...noRoom, { after });
    const full = await create(IDLE);
    await waitFor(() => tries.length > before + 1, { timeoutMs: 10_000, message: "it is not tried again" });
    expect(await statusOf(full)).toBe("running");
    go();
    await until(full, "hibernated");
    const [first, second, third] = tries.slice(before) as [number, number, number];
    expect(second - first).toBeGreaterThanOrEqual(1000);
    expect(third - second).toBeGreaterThanOrEqual(2000);
  });

  test("meets a request is followed by a wake, and the request is answered", async () => {
    const wakes = () => server.host.state.done["wakeSandbox"] ?? 0;
    const wokenBefore = wakes();
    const { promise: answerAfter, resolve: go } = Promise.withResolvers<void>();
    server.host.script("hibernateSandbox", { answerAfter });
    const id = await create(IDLE);
    const { sandboxes } = server.host.state;
    const isDone = () => sandboxes.get(id)?.info.state === "hibernated";
    await waitFor(isDone, { timeoutMs: 10_000, message: "it is not hibernated" });
    // Done, and who asked for it does not know yet.
    let isAnswered = false;
    const asked = server.api("POST", `/v1/sandboxes/${id}/exec`, { cmd: "echo here" });
    void asked.finally(() => (isAnswered = true));
    const { activity } = server.controlPlane.parts;
    const isThere = () => isAnswered || activity.ongoing().includes(id);
    await waitFor(isThere, { timeoutMs: 10_000, message: "no request" }).finally(go);
    const { status, body } = await asked;
    expect([status, body.stdout]).toEqual([200, "here\n"]);
    expect(wakes()).toBeGreaterThan(wokenBefore);
  });
});

describe("kill", () => {
  test("it is deleted, hibernated ones too; packets keep it", async () => {
    const [idle, hibernated, busy] = [
      await create({ on_idle: "kill", idle_timeout_seconds: 1 }),
      await create({ on_idle: "kill", idle_timeout_seconds: 1 }),
      await create({ on_idle: "kill", idle_timeout_seconds: 1 }),
    ];
    server.host.state.sandbox(busy).use = { isOpen: false, quietMs: 0 };
    await server.api("POST", `/v1/sandboxes/${hibernated}/hibernate`);
    await Promise.all([idle, hibernated].map((id) => until(id, "gone")));
    await waitFor(() => !server.host.state.sandboxes.has(idle), {
      timeoutMs: 10_000,
      message: "the host still has it",
    });
    expect(await statusOf(busy)).toBe("running");
  });
});

describe("with a real host agent", () => {
  let agent: FakeHostAgent;
  let database: Awaited<ReturnType<typeof createTestDatabase>>;
  let plane: { controlPlane: { stop(): Promise<void> }; api: Api };
  beforeAll(async () => {
    [agent, database] = [new FakeHostAgent(), await createTestDatabase()];
    await agent.start();
    plane = await startControlPlane({ databaseUrl: database.url, hostSocket: agent.socketPath });
    await waitFor(async () => (await plane.api("POST", "/v1/sandboxes", {})).status === 201, {
      timeoutMs: 20_000,
      message: "the host agent is not ready",
    });
  });
  afterAll(async () => {
    await plane.controlPlane.stop();
    await agent.remove();
    await database.drop();
  });

  test("requests at every moment around a hibernation: each is answered, and done once", async () => {
    const COUNT = 24;
    const ROUNDS = 2;
    const ids = await Promise.all(
      Array.from({ length: COUNT }, async () => (await plane.api("POST", "/v1/sandboxes", IDLE)).body.id as string),
    );
    const exec = async (id: string) => {
      const { status, body } = await plane.api("POST", `/v1/sandboxes/${id}/exec`, {
        cmd: "echo x >> /tmp/done; cat /tmp/done",
      });
      return status === 200 ? (body.stdout as string) : JSON.stringify(body);
    };
    await Promise.all(ids.map(exec));
    for (let round = 1; round <= ROUNDS; round++) {
      const answers = await Promise.all(
        ids.map(async (id, index) => {
          await delay(900 + index * 40);
          return exec(id);
        }),
      );
      expect(answers).toEqual(Array.from({ length: COUNT }, () => "x\n".repeat(round + 1)));
    }
    const events = await Promise.all(
      ids.map(async (id) => (await plane.api("GET", `/v1/sandboxes/${id}/events`)).body.events as Json[]),
    );
    const hibernations = events.flat().filter(({ type }) => type === "sandbox.hibernated");
    expect(hibernations.length).toBeGreaterThan(COUNT / 4);
    expect(hibernations.every(({ payload }) => payload.cause === "idle")).toBe(true);
  });
});
