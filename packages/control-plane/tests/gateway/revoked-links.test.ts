import { setTimeout as delay } from "node:timers/promises";
import { WebSocketServer } from "ws";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { waitFor } from "@pandastack/platform";
import { ask, type Answer, type Ask } from "../support/http.ts";
import { AUTHORISED, Inside } from "../support/inside.ts";
import { startControlPlane } from "../support/server.ts";
import { TestSocket } from "../support/sockets.ts";

/** A second, and the time that a busy machine takes to say so. */
const ELSEWHERE_MS = 11_000;
/** "At once", likewise: what is open would go on for ever. */
const AT_ONCE_MS = 12_500;

let inside: Inside;
let other: string;
let strangers: string;
beforeAll(async () => {
  inside = await Inside.start();
  inside.server.host.ports.serve(3001, inside.http);
  inside.answer("from inside");
  other = (await inside.server.api("POST", "/v1/sandboxes")).body.id;
  await inside.server.api("POST", "/v1/workspaces", { slug: "strangers" });
  strangers = (await inside.server.api("POST", "/v1/workspaces/strangers/tokens", { role: "admin" })).body.token;
});
afterAll(() => inside.stop());

const tokenFor = async (body: Record<string, unknown> = {}, id = inside.id) =>
  (await inside.server.api("POST", `/v1/sandboxes/${id}/preview-token`, { port: 3000, ...body })).body;
const visit = (path: string, given: Ask = {}): Promise<Answer> =>
  ask(inside.url, path, { ...given, headers: { host: inside.host(), ...given.headers } });
const codeOf = (reply: Answer): string => JSON.parse(reply.text).code as string;
const pathOf = (url: string): string => new URL(url).pathname + new URL(url).search;

describe("taking back", () => {
  const revoke = (query = "", id = inside.id, token?: string) =>
    inside.server.api("DELETE", `/v1/sandboxes/${id}/preview-token${query}`, undefined, token ? { token } : {});

  test("a link: at once here, in a second elsewhere, by whatever way it was used; others stay", async () => {
    const [first, second] = [await tokenFor(), await tokenFor({ paths: ["/"] })];
    const elsewhere = await startControlPlane({
      databaseUrl: inside.server.database.url,
      hostSocket: inside.server.host.socketPath,
    });
    try {
      expect((await ask(elsewhere.url, pathOf(first.url))).status).toBe(200);
      expect((await revoke(`?token=${first.token}`)).status).toBe(204);
      const refusals = [
        await ask(inside.url, pathOf(first.url)),
        await visit(pathOf(first.host_url)),
        await visit("/", { headers: { "x-pandastack-token": first.token } }),
      ];
      expect(refusals.map((reply) => [reply.status, codeOf(reply)])).toEqual(
        refusals.map(() => [403, "preview.revoked"]),
      );
      expect((await visit("/", { headers: { cookie: `pandastack_preview=${first.token}` } })).status).toBe(401);
      await waitFor(async () => (await ask(elsewhere.url, pathOf(first.url))).status === 403, {
        timeoutMs: ELSEWHERE_MS,
        message: "it is still good elsewhere",
      });
      expect((await ask(inside.url, pathOf(second.url))).status).toBe(200);
    } finally {
      await elsewhere.controlPlane.stop();
    }
  });

  test("a revoked API token and a deleted sandbox are good for a second at most, also elsewhere", async () => {
    const { api } = inside.server;
    const elsewhere = await startControlPlane({
      databaseUrl: inside.server.database.url,
      hostSocket: inside.server.host.socketPath,
    });
    try {
      const { token, prefix } = (await api("POST", "/v1/me/tokens", {})).body;
      const doomed = (await api("POST", "/v1/sandboxes")).body.id;
      const statuses = async () =>
        (
          await Promise.all([
            ask(elsewhere.url, `${inside.base}/`, { headers: { authorization: `Bearer ${token}` } }),
            ask(elsewhere.url, `/v1/sandboxes/${doomed}/proxy/3000/`, { headers: AUTHORISED }),
          ])
        ).map(({ status }) => status);
      expect(await statuses()).toEqual([200, 200]);
      await api("DELETE", `/v1/me/tokens/${prefix}`);
      await api("DELETE", `/v1/sandboxes/${doomed}`);
      await waitFor(async () => (await statuses()).join() === "401,404", {
        timeoutMs: ELSEWHERE_MS,
        message: "one of them is still good",
      });
    } finally {
      await elsewhere.controlPlane.stop();
    }
  });

  test("all of a sandbox, and new ones are good", async () => {
    const [old, foreign] = [await tokenFor(), await tokenFor({}, other)];
    expect((await revoke()).status).toBe(204);
    expect(codeOf(await ask(inside.url, pathOf(old.url)))).toBe("preview.revoked");
    expect((await ask(inside.url, pathOf(foreign.url))).status).toBe(200);
    await delay(2);
    expect((await ask(inside.url, pathOf((await tokenFor()).url))).status).toBe(200);
  });

  test("what is no link of this sandbox: refused; of another workspace's: unknown", async () => {
    expect((await revoke("?token=x.y")).body.code).toBe("preview.invalid_token");
    expect((await revoke(`?token=${(await tokenFor({}, other)).token}`)).body.details.field).toBe("token");
    expect((await revoke("", inside.id, strangers)).status).toBe(404);
  });

  test("of a link or an API token ends what is open through it; so do an expiry and a port that is private again", async () => {
    const sockets = new WebSocketServer({ noServer: true });
    inside.http
      .removeAllListeners("upgrade")
      .on("upgrade", (request, socket, head) => sockets.handleUpgrade(request, socket, head, () => {}));
    const { api } = inside.server;
    const link = await tokenFor();
    const apiToken = (await api("POST", "/v1/me/tokens", {})).body;
    await api("POST", `/v1/sandboxes/${inside.id}/ports`, { port: 3001, public: true });
    const byHost = { headers: { host: inside.host(3001) } };
    // Long enough to come in by it, also where two cores do everything else as well.
    const shortLifeMs = 5000;
    const made = performance.now();
    const short = await tokenFor({ ttl_seconds: shortLifeMs / 1000 });
    const expiring = await new TestSocket(`${inside.url}${pathOf(short.url)}`).open();
    const open = await Promise.all([
      new TestSocket(`${inside.url}${pathOf(link.url)}`).open(),
      new TestSocket(`${inside.url}${inside.base}/`, { headers: { authorization: `Bearer ${apiToken.token}` } }).open(),
      new TestSocket(`${inside.url}/`, byHost).open(),
    ]);
    const kept = await new TestSocket(`${inside.url}${inside.base}/`).open();
    await Promise.all([
      revoke(`?token=${link.token}`),
      api("DELETE", `/v1/me/tokens/${apiToken.prefix}`),
      api("DELETE", `/v1/sandboxes/${inside.id}/ports/3001`),
    ]);
    const begun = performance.now();
    await Promise.all(open.map((socket) => socket.untilClosed()));
    expect(performance.now() - begun).toBeLessThan(AT_ONCE_MS);
    await expiring.untilClosed();
    expect(performance.now() - made).toBeLessThan(shortLifeMs + AT_ONCE_MS);
    expect(kept.socket.readyState).toBe(1);
    kept.socket.close();
  });

  test("POST …/preview is another name", async () => {
    const { status, body } = await inside.server.api("POST", `/v1/sandboxes/${inside.id}/preview`, { port: 3000 });
    expect(status).toBe(200);
    expect((await ask(inside.url, pathOf(body.url))).status).toBe(200);
  });
});
