import { WebSocketServer } from "ws";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { waitFor } from "@pandastack/platform";
import { freePort } from "../../../platform/tests/support/free-port.ts";
import { ask, dial, open } from "../support/http.ts";
import { AUTHORISED, Inside } from "../support/inside.ts";
import { startControlPlane } from "../support/server.ts";
import { ServerEnds } from "../support/server-ends.ts";
import { TestSocket } from "../support/sockets.ts";

let inside: Inside;
beforeEach(async () => {
  inside = await Inside.start();
});
afterEach(() => inside.stop());

const BROWSER = { accept: "text/html,application/xhtml+xml,*/*;q=0.8" };
const hibernate = async () => {
  expect((await inside.server.api("POST", `/v1/sandboxes/${inside.id}/hibernate`)).status).toBe(200);
};
const wakes = () => inside.server.host.state.done["wakeSandbox"] ?? 0;

describe("wake on request", () => {
  test("one wake, however many ask at once", async () => {
    await hibernate();
    inside.server.host.script("wakeSandbox", { delayMs: 300 });
    const replies = await Promise.all(Array.from({ length: 50 }, () => inside.get("/")));
    expect(replies.map(({ text }) => text)).toEqual(Array.from({ length: 50 }, () => "from inside"));
    expect(wakes()).toBe(1);
  });

  test("looking at its ports wakes nothing", async () => {
    await hibernate();
    await inside.server.api("GET", `/v1/sandboxes/${inside.id}/ports`);
    await inside.server.api("POST", `/v1/sandboxes/${inside.id}/preview-token`, { port: 3000 });
    expect(wakes()).toBe(0);
  });

  test("a WebSocket wakes it, too", async () => {
    const sockets = new WebSocketServer({ noServer: true });
    inside.http.on("upgrade", (request, socket, head) =>
      sockets.handleUpgrade(request, socket, head, (one) => one.send("welcome")),
    );
    await hibernate();
    const socket = await new TestSocket(`${inside.url}${inside.base}/`).open();
    await socket.untilText("welcome");
    socket.socket.close();
  });

  test("a browser that would wait too long gets a page that looks again; the wake goes on", async () => {
    await hibernate();
    const { promise: after, resolve: go } = Promise.withResolvers<void>();
    inside.server.host.script("wakeSandbox", { after });
    const page = await inside.get("/", { headers: BROWSER });
    expect(page).toMatchObject({
      status: 503,
      headers: { "content-type": "text/html; charset=utf-8", refresh: "1", "retry-after": "1" },
    });
    expect(page.headers["x-pandastack-gateway"]).toBe("sandbox.waking");
    go();
    expect((await inside.get("/")).text).toBe("from inside");
    expect(wakes()).toBe(1);
  });

  test("a program is asked to come again", async () => {
    await hibernate();
    const { promise: after, resolve: go } = Promise.withResolvers<void>();
    inside.server.host.script("wakeSandbox", { after });
    const reply = await inside.get("/").finally(go);
    expect([reply.status, reply.headers["retry-after"]]).toEqual([503, "1"]);
    expect(JSON.parse(reply.text)).toMatchObject({ code: "sandbox.waking", retryable: true });
  });

  test("a request whose caller leaves meanwhile is over with the wake, and asks nothing inside", async () => {
    const { host, controlPlane } = inside.server;
    const ends = new ServerEnds();
    const { promise: after, resolve: go } = Promise.withResolvers<void>();
    await hibernate();
    host.script("wakeSandbox", { after });
    const caller = await dial(inside.url);
    caller.write(`GET ${inside.base}/ HTTP/1.1\r\nHost: x\r\nAuthorization: ${AUTHORISED.authorization}\r\n\r\n`);
    await waitFor(() => host.arrivalsMs.wakeSandbox?.length === 1, { timeoutMs: 10_000, message: "nothing is woken" });
    await ends.leave(caller);
    ends.stop();
    go();
    await waitFor(() => controlPlane.parts.activity.ongoing().length === 0, {
      timeoutMs: 10_000,
      message: "it counts on",
    });
    expect(wakes()).toBe(1);
    expect(host.ports.count).toBe(0);
  });

  test("a wake that fails is told as it is, and the next request tries again", async () => {
    await hibernate();
    inside.server.host.script("wakeSandbox", { refuse: "sandbox.wake_failed" });
    expect(JSON.parse((await inside.get("/")).text)).toMatchObject({ code: "sandbox.wake_failed" });
    expect((await inside.get("/")).text).toBe("from inside");
  });

  test("a sandbox that its host has hibernated by itself is found out and woken", async () => {
    expect((await inside.get("/")).text).toBe("from inside");
    const sandbox = inside.server.host.state.sandbox(inside.id);
    sandbox.info = { ...sandbox.info, state: "hibernated" };
    for (const socket of inside.server.host.ports.open) socket.destroy();
    await waitFor(() => inside.server.host.ports.open.size === 0, { timeoutMs: 10_000, message: "still open" });
    expect((await inside.get("/", { method: "POST", body: "kept" })).text).toBe("from inside");
    expect(wakes()).toBe(1);
  });
});

describe("sandboxes that do not run", () => {
  test("paused or failed: 503 that says why; unknown or deleted: 404", async () => {
    await inside.server.api("POST", `/v1/sandboxes/${inside.id}/pause`);
    const paused = await inside.get("/");
    expect([paused.status, JSON.parse(paused.text)]).toMatchObject([
      503,
      { code: "sandbox.not_running", error: expect.stringContaining("paused") },
    ]);
    await inside.server.api("POST", `/v1/sandboxes/${inside.id}/resume`);
    expect((await inside.get("/")).status).toBe(200);
    await inside.server.api("DELETE", `/v1/sandboxes/${inside.id}`);
    await waitFor(async () => (await inside.get("/")).status === 404, {
      timeoutMs: 10_000,
      message: "it is still served",
    });
    const unknown = await ask(inside.url, `/v1/sandboxes/${"z".repeat(20)}/proxy/3000/`, { headers: AUTHORISED });
    expect([unknown.status, JSON.parse(unknown.text).code]).toEqual([404, "sandbox.not_found"]);
  });

  test("the host away: 503, and back when it is", async () => {
    await inside.server.host.kill();
    const away = await inside.get("/");
    expect([away.status, JSON.parse(away.text).code]).toEqual([503, "host.unavailable"]);
    await inside.server.host.start();
    expect((await inside.get("/")).text).toBe("from inside");
  });

  test("a request counts as activity, and for as long as it lasts", async () => {
    const { activity } = inside.server.controlPlane.parts;
    inside.handle = (_request, response) => response.write("x");
    const reply = await open(inside.url, `${inside.base}/`, { headers: AUTHORISED });
    expect(activity.ongoing()).toEqual([inside.id]);
    reply.destroy();
    await waitFor(() => activity.ongoing().length === 0, { timeoutMs: 10_000, message: "it counts on" });
  });
});

describe("a restart of the control plane", () => {
  test("under requests: each is answered, refused, or cut; none is wrong or left hanging", async () => {
    const { databaseUrl, hostSocket } = {
      databaseUrl: inside.server.database.url,
      hostSocket: inside.server.host.socketPath,
    };
    inside.handle = (request, response) => setTimeout(() => response.end(request.url), 20);
    const listen = { host: "127.0.0.1", port: await freePort() };
    let plane = await startControlPlane({ databaseUrl, hostSocket, listen });
    const outcomes = new Map<string, number>();
    const count = (name: string) => outcomes.set(name, (outcomes.get(name) ?? 0) + 1);
    let isOver = false;
    let wrong = 0;
    const clients = Array.from({ length: 8 }, async (_, client) => {
      for (let n = 0; !isOver; n++) {
        try {
          const reply = await ask(plane.url, `${inside.base}/${client}/${n}`, { headers: AUTHORISED });
          count(String(reply.status));
          if (reply.status === 200 && reply.text !== `/${client}/${n}`) wrong += 1;
          if (reply.status !== 200 && reply.headers["x-pandastack-gateway"] === undefined) wrong += 1;
        } catch (error) {
          count((error as { code?: string }).code ?? (error as Error).message);
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
      }
    });
    for (let round = 0; round < 3; round++) {
      const before = outcomes.get("200") ?? 0;
      await waitFor(() => (outcomes.get("200") ?? 0) > before + 20, { timeoutMs: 10_000, message: "no answers" });
      await plane.controlPlane.stop();
      plane = await startControlPlane({ databaseUrl, hostSocket, listen });
    }
    isOver = true;
    await Promise.all(clients);
    await plane.controlPlane.stop();
    expect(wrong).toBe(0);
    const known = new Set(["200", "503", "ECONNREFUSED", "ECONNRESET", "EPIPE"]);
    expect([...outcomes.keys()].filter((name) => !known.has(name))).toEqual([]);
    expect(outcomes.get("200")).toBeGreaterThan(60);
  });

  test("ends streams and sockets, and does not wait for them", async () => {
    const sockets = new WebSocketServer({ noServer: true });
    inside.http.on("upgrade", (request, socket, head) => sockets.handleUpgrade(request, socket, head, () => {}));
    const plane = await startControlPlane({
      databaseUrl: inside.server.database.url,
      hostSocket: inside.server.host.socketPath,
    });
    inside.handle = (_request, response) =>
      response.writeHead(200, { "content-type": "text/event-stream" }).write("data: 1\n\n");
    const stream = await open(plane.url, `${inside.base}/`, { headers: AUTHORISED });
    stream.on("error", () => {});
    stream.resume();
    const socket = await new TestSocket(`${plane.url}${inside.base}/`).open();
    const started = performance.now();
    await plane.controlPlane.stop();
    expect(performance.now() - started).toBeLessThan(8000);
    expect((await socket.untilClosed()).code).toBe(1006);
    expect(stream.complete).toBe(false);
  });
});
