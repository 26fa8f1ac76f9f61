import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { signPreview } from "../../src/gateway/preview-tokens.ts";
import { ask, type Answer, type Ask } from "../support/http.ts";
import { AUTHORISED, Inside } from "../support/inside.ts";
import { ADMIN_TOKEN } from "../support/server.ts";
import { TestSocket } from "../support/sockets.ts";

let inside: Inside;
let other: string;
let strangers: string;
beforeAll(async () => {
  inside = await Inside.start();
  inside.server.host.ports.serve(3001, inside.http);
  other = (await inside.server.api("POST", "/v1/sandboxes")).body.id;
  await inside.server.api("POST", "/v1/workspaces", { slug: "strangers" });
  strangers = (await inside.server.api("POST", "/v1/workspaces/strangers/tokens", { role: "admin" })).body.token;
});
afterAll(() => inside.stop());
beforeEach(() => inside.answer("from inside"));

const tokenFor = async (body: Record<string, unknown> = {}, id = inside.id) =>
  (await inside.server.api("POST", `/v1/sandboxes/${id}/preview-token`, { port: 3000, ...body })).body;
const visit = (path: string, given: Ask = {}, host = inside.host()): Promise<Answer> =>
  ask(inside.url, path, { ...given, headers: { host, ...given.headers } });
const codeOf = (reply: Answer): string => JSON.parse(reply.text).code as string;
const pathOf = (url: string): string => new URL(url).pathname + new URL(url).search;

const secret = () =>
  inside.server.database.query("select value from secrets").then(({ rows }) => rows[0]!["value"] as Buffer);
const preview = () => ({
  sandboxId: inside.id,
  port: 3000,
  workspace: "default",
  paths: [] as string[],
  expires: Math.floor(Date.now() / 1000) + 60,
  issuedMs: Date.now(),
});

describe("signed links", () => {
  test("open a port for whoever has them", async () => {
    const made = await tokenFor();
    expect(made).toMatchObject({ sandbox_id: inside.id, port: 3000, paths: [] });
    expect(Date.parse(made.expires_at) - Date.now()).toBeGreaterThan(3_590_000);
    const seen = await inside.seen(() => ask(inside.url, `${pathOf(made.url)}deep/page?q=1`));
    expect(seen.url).toBe("/deep/page?q=1");
    expect((await ask(inside.url, pathOf(made.url), { method: "POST", body: "x" })).status).toBe(200);
  });

  test("forged in any part: 401", async () => {
    const { token } = await tokenFor();
    const before = inside.server.host.ports.count;
    const [payload = "", signature = ""] = token.split(".");
    const flip = (text: string) => (text.startsWith("A") ? "B" : "A") + text.slice(1);
    const richer = Buffer.from(Buffer.from(payload, "base64url").toString().replace("|3000|", "|3001|")).toString(
      "base64url",
    );
    const longer = Buffer.from(
      Buffer.from(payload, "base64url")
        .toString()
        .replace(/\|(\d{10})\|/, "|9999999999|"),
    ).toString("base64url");
    const foreign = signPreview(preview(), Buffer.alloc(32));
    for (const forged of [
      `${flip(payload)}.${signature}`,
      `${payload}.${flip(signature)}`,
      `${richer}.${signature}`,
      `${longer}.${signature}`,
      `${payload}.`,
      payload,
      "x.y",
      foreign,
      ADMIN_TOKEN,
      `${token}x`,
      `${token.slice(0, -1)}`,
    ]) {
      const reply = await ask(inside.url, `/v1/p/${forged}/`);
      expect([forged, reply.status, codeOf(reply)]).toEqual([forged, 401, "preview.invalid_token"]);
    }
    expect(inside.server.host.ports.count).toBe(before);
  });

  test("expired: 403, and never an answer from inside", async () => {
    const expired = signPreview({ ...preview(), expires: Math.floor(Date.now() / 1000) - 1 }, await secret());
    const reply = await ask(inside.url, `/v1/p/${expired}/`);
    expect([reply.status, codeOf(reply)]).toEqual([403, "preview.expired"]);
    expect((await visit("/", { headers: { cookie: `pandastack-preview=${expired}` } })).status).toBe(401);
    expect((await visit(`/.pandastack/open/${expired}/`)).status).toBe(403);
  });

  test("for another port, sandbox or workspace: refused", async () => {
    const { token } = await tokenFor();
    for (const host of [inside.host(3001), `3000-${other}.localhost`])
      for (const headers of [{ "x-pandastack-token": token }, { authorization: `Bearer ${token}` }])
        expect(codeOf(await visit("/", { headers }, host))).toBe("preview.forbidden");
    for (const host of [inside.host(3001), `3000-${other}.localhost`]) {
      expect((await visit("/", { headers: { cookie: `pandastack-preview=${token}` } }, host)).status).toBe(401);
      expect((await visit(`/.pandastack/open/${token}/`, {}, host)).status).toBe(403);
    }
    const moved = signPreview({ ...preview(), workspace: "strangers" }, await secret());
    expect(await ask(inside.url, `/v1/p/${moved}/`)).toMatchObject({ status: 404 });
  });

  test("for some paths: those and what is below them, however they are spelled", async () => {
    const { token, url } = await tokenFor({ paths: ["/docs", "/api/v1/"] });
    expect(new URL(url).pathname).toBe(`/v1/p/${token}/docs`);
    const at = (path: string) => ask(inside.url, `/v1/p/${token}${path}`).then(({ status }) => status);
    for (const path of ["/docs", "/docs/", "/docs/a?x=../../etc", "/docs?x", "/api/v1/", "/api/v1/x"])
      expect([path, await at(path)]).toEqual([path, 200]);
    for (const path of [
      "/",
      "/docsx",
      "/api/v1",
      "/api/v2",
      "/docs/../secret",
      "/docs/..",
      "/docs/%2e%2e/secret",
      "/docs/.%2E/secret",
      "/docs/..%2fsecret",
      "/docs/..%5csecret",
      "/docs\\..\\secret",
      "/docs/..;/secret",
      "/docs/%252e%252e/secret",
      "//docs",
      "/docs//../secret",
      "/DOCS",
      "/docs%00",
    ])
      expect([path, await at(path)]).toEqual([path, 403]);
    const socket = await new TestSocket(`${inside.url}/v1/p/${token}/docs`, { headers: {} }).refused();
    expect(socket).toMatchObject({ status: 403, body: { code: "preview.forbidden" } });
  });

  test("bad ones are not made: 400 with the field", async () => {
    for (const [body, field] of [
      [{}, "port"],
      [{ port: 22 }, "port"],
      [{ port: 3000, ttl_seconds: 0 }, "ttl_seconds"],
      [{ port: 3000, ttl_seconds: 604_801 }, "ttl_seconds"],
      [{ port: 3000, paths: ["docs"] }, "paths.0"],
      [{ port: 3000, paths: ["/a%2f"] }, "paths.0"],
      [{ port: 3000, paths: Array.from({ length: 11 }, () => "/a") }, "paths"],
    ] as const)
      expect(await inside.server.api("POST", `/v1/sandboxes/${inside.id}/preview-token`, body)).toMatchObject({
        status: 400,
        body: { details: { field } },
      });
  });

  test("are good after a restart and in another control plane: the secret is the database's", async () => {
    const token = signPreview(preview(), await secret());
    expect((await ask(inside.url, `/v1/p/${token}/`)).text).toBe("from inside");
    expect((await inside.server.database.query("select name from secrets")).rows).toEqual([{ name: "preview" }]);
  });
});

describe("a host of its own", () => {
  test("is private: without a credential every one answers alike", async () => {
    const known = await visit("/");
    const unknown = await visit("/", {}, `3000-${"z".repeat(20)}.localhost`);
    const strip = ({ status, text, headers }: Answer) => ({
      status,
      text: text.replace(/"request_id":"\w+"/, ""),
      code: headers["x-pandastack-gateway"],
    });
    expect(strip(known)).toEqual(strip(unknown));
    expect([known.status, codeOf(known)]).toEqual([401, "auth.missing_token"]);
  });

  test.each([
    ["authorization", `Bearer ${ADMIN_TOKEN}`],
    ["x-pandastack-token", ADMIN_TOKEN],
  ])("opens with an API token in %s", async (name, value) => {
    const seen = await inside.seen(() =>
      visit("/a", { headers: { [name]: value, cookie: "mine=1; pandastack-preview=x; other=2" } }),
    );
    expect(seen.headers.host).toBe(inside.host());
    expect(seen.headers.cookie).toBe("mine=1; other=2");
    expect(JSON.stringify(seen.rawHeaders)).not.toContain("pds_");
  });

  test("… not with a wrong one, one of another workspace, or one that only reads", async () => {
    const reader = (await inside.server.api("POST", "/v1/me/tokens", { role: "read" })).body.token;
    const codes: string[] = [];
    for (const token of ["garbage", strangers, reader])
      codes.push(codeOf(await visit("/", { headers: { authorization: `Bearer ${token}` } })));
    expect(codes).toEqual(["auth.invalid_token", "sandbox.not_found", "auth.forbidden"]);
  });

  test("opens with a signed link: a cookie for this host, and on to the page", async () => {
    const { host_url: link, token } = await tokenFor();
    expect(new URL(link).host).toBe(inside.host());
    const entered = await visit(`${pathOf(link)}app?x=1`);
    expect(entered).toMatchObject({ status: 302, headers: { location: "/app?x=1", "referrer-policy": "no-referrer" } });
    const [cookie = ""] = entered.headers["set-cookie"] ?? [];
    expect(cookie).toMatch(/^pandastack-preview=[\w.-]+; Path=\/; Max-Age=3(600|59\d); HttpOnly; SameSite=Lax$/);
    const pair = cookie.split(";")[0]!;
    const seen = await inside.seen(() =>
      visit("/app", { headers: { cookie: `a=b; pandastack-preview=junk; ${pair}`, authorization: "Basic mine" } }),
    );
    expect([seen.headers.cookie, seen.headers.authorization]).toEqual(["a=b", "Basic mine"]);
    expect(JSON.stringify(seen.rawHeaders)).not.toContain(token);
    for (const rest of ["//evil.example/", "/\\evil.example", "///evil.example"])
      expect((await visit(`/.pandastack/open/${token}${rest}`)).headers.location).toMatch(/^\/evil\.example/);
  });

  test("a cookie is not for other people's pages", async () => {
    const { token } = await tokenFor();
    const cookie = `pandastack-preview=${token}`;
    const status = async (headers: Record<string, string>, method = "GET") =>
      (await visit("/", { method, headers: { cookie, ...headers } })).status;
    const own = `http://${inside.host()}`;
    expect(await status({ origin: own }, "POST")).toBe(200);
    expect(await status({ origin: `http://${inside.host(3001)}` }, "POST")).toBe(200);
    expect(await status({ "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" })).toBe(200);
    for (const origin of [
      `http://3000-${other}.localhost`,
      "http://evil.example",
      "null",
      `http://${inside.host()}.evil.example`,
      "http://localhost",
    ])
      expect([origin, await status({ origin }, "POST")]).toEqual([origin, 403]);
    expect(await status({ "sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors" })).toBe(403);
    expect(await status({ "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" }, "POST")).toBe(403);
    const socket = new TestSocket(inside.url, {
      headers: { host: inside.host(), cookie, origin: "http://evil.example" },
    });
    expect(await socket.refused()).toMatchObject({ status: 403 });
  });

  test("is open to anyone once its port is public, and only that port; still no token goes in", async () => {
    await inside.server.api("POST", `/v1/sandboxes/${inside.id}/ports`, { port: 3001, public: true });
    const seen = await inside.seen(() => visit("/", { headers: AUTHORISED }, inside.host(3001)));
    expect(seen.headers.authorization).toBeUndefined();
    const mine = await inside.seen(() =>
      visit("/", { headers: { authorization: "Bearer of-the-app" } }, inside.host(3001)),
    );
    expect(mine.headers.authorization).toBe("Bearer of-the-app");
    expect((await visit("/")).status).toBe(401);
    await inside.server.api("DELETE", `/v1/sandboxes/${inside.id}/ports/3001`);
    expect((await visit("/", {}, inside.host(3001))).status).toBe(401);
  });

  test("names are taken in any case, with and without a port and a last dot; unknown domains are told", async () => {
    for (const host of [inside.host().toUpperCase(), `3000-${inside.id}.localhost.`, `3000-${inside.id}.localhost`])
      expect((await visit("/", { headers: AUTHORISED }, host)).text).toBe("from inside");
    expect(await visit("/", { headers: AUTHORISED }, `3000-${inside.id}.example.com`)).toMatchObject({ status: 404 });
    expect(await visit("/healthz", {}, `x3000-${inside.id}.localhost`)).toMatchObject({ status: 200 });
    expect(await visit("/", { headers: AUTHORISED }, `22-${inside.id}.localhost`)).toMatchObject({ status: 400 });
    expect(await visit("/v1/me", { headers: AUTHORISED })).toMatchObject({ text: "from inside" });
  });
});

describe("hostile pages", () => {
  const HOSTILE = {
    "content-type": "text/html",
    "set-cookie": ["a=1; Path=/", "pandastack-preview=stolen"],
    "clear-site-data": '"*"',
    "service-worker-allowed": "/",
    "strict-transport-security": "max-age=99999999",
    "content-security-policy": "default-src *",
    "referrer-policy": "unsafe-url",
    "alt-svc": 'h2="evil.example:443"',
    nel: "{}",
  };

  test("on the API's origin: no cookies, no reach beyond the page, a sandbox without that origin", async () => {
    inside.answer("<script>", HOSTILE);
    const signed = pathOf((await tokenFor()).url);
    for (const [path, headers] of [
      [`${inside.base}/`, AUTHORISED],
      [signed, {}],
    ] as const) {
      const reply = await ask(inside.url, path, { headers });
      expect(reply.status).toBe(200);
      for (const name of [
        "set-cookie",
        "clear-site-data",
        "service-worker-allowed",
        "strict-transport-security",
        "alt-svc",
        "nel",
      ])
        expect([name, reply.headers[name]]).toEqual([name, undefined]);
      expect(reply.headers["content-security-policy"]).toMatch(/^default-src \*, sandbox( allow-[a-z]+)*$/);
      expect(reply.headers["content-security-policy"]).not.toContain("same-origin");
      expect(reply.headers).toMatchObject({ "referrer-policy": "no-referrer", "x-content-type-options": "nosniff" });
    }
    const withToken = await ask(inside.url, `${inside.base}/?access_token=${ADMIN_TOKEN}`);
    expect(withToken.headers["content-security-policy"]).not.toContain("allow-scripts");
  });

  test("on the API's origin no service worker is served", async () => {
    const reply = await ask(inside.url, `${inside.base}/sw.js`, {
      headers: { ...AUTHORISED, "service-worker": "script" },
    });
    expect([reply.status, codeOf(reply)]).toEqual([403, "preview.forbidden"]);
  });

  test("on their own host: cookies for that host alone, and never ours", async () => {
    inside.answer("x", {
      "set-cookie": ["a=1; Domain=localhost; Path=/", "b=2; HttpOnly", "__Host-pandastack-preview=x; Secure"],
    });
    expect((await visit("/", { headers: AUTHORISED })).headers["set-cookie"]).toEqual(["a=1; Path=/", "b=2; HttpOnly"]);
  });

  test("pages of ours show nothing as markup that a visitor or a server inside wrote", async () => {
    const reply = await ask(inside.url, `/v1/sandboxes/${inside.id}/proxy/<script>/`, {
      headers: { ...AUTHORISED, accept: "text/html", "x-request-id": "a<b" },
    });
    expect(reply.text).toContain("<!doctype html>");
    expect(reply.text).not.toMatch(/<script|a<b/);
    expect(reply.headers["content-security-policy"]).toContain("default-src 'none'");
  });
});
