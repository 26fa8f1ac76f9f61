import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { withTimeout } from "@pandastack/platform";
import { ask, open, type Ask } from "../support/http.ts";
import { AUTHORISED, Inside } from "../support/inside.ts";
import { ADMIN_TOKEN } from "../support/server.ts";

let inside: Inside;
beforeAll(async () => {
  inside = await Inside.start();
});
afterAll(() => inside.stop());
beforeEach(() => inside.answer("from inside"));

const seenInside = (path: string, given?: Ask) => inside.seen(() => inside.get(path, given));

describe("requests", () => {
  test.each(["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])(
    "%s arrives with its body",
    async (method) => {
      const seen = await seenInside("/a", { method, body: "hello", headers: { "content-length": "5" } });
      expect([seen.method, seen.url, seen.body]).toEqual([method, "/a", "hello"]);
    },
  );

  test("the path and the query arrive as they were sent, without our own parameter", async () => {
    const seen = await seenInside(`/%2e%2e/a//b%2Fc;x?q=a+b&access_token=${ADMIN_TOKEN}&%zz=1&q`);
    expect(seen.url).toBe("/%2e%2e/a//b%2Fc;x?q=a+b&%zz=1&q");
  });

  test("no credential of ours arrives, and nothing that the caller says about the way", async () => {
    const seen = await seenInside("/", {
      headers: {
        cookie: "session=1",
        referer: `${inside.url}${inside.base}/?access_token=${ADMIN_TOKEN}`,
        "x-forwarded-for": "1.2.3.4",
        forwarded: "for=1.2.3.4",
        "x-real-ip": "1.2.3.4",
        "proxy-authorization": "Basic x",
        connection: "x-hidden, content-length, host",
        "x-hidden": "1",
        "x-shown": "2",
      },
    });
    expect(JSON.stringify(seen.rawHeaders)).not.toMatch(/pds_|1\.2\.3\.4|session|x-hidden|Basic/);
    expect(seen.headers).toMatchObject({
      host: "localhost:3000",
      "x-shown": "2",
      "x-forwarded-for": "127.0.0.1",
      "x-forwarded-host": new URL(inside.url).host,
      "x-forwarded-proto": "http",
      "x-forwarded-prefix": inside.base,
    });
  });

  test("Authorization of its own reaches the server inside, if ours came in a header of ours", async () => {
    const seen = await seenInside("/", { headers: { authorization: "Basic dTpw", "x-pandastack-token": ADMIN_TOKEN } });
    expect(seen.headers.authorization).toBe("Basic dTpw");
    expect(JSON.stringify(seen.rawHeaders)).not.toContain("pds_");
  });

  test("headers that come several times stay several", async () => {
    const seen = await seenInside("/", { headers: { "x-many": ["1", "2"] } });
    expect(seen.headersDistinct["x-many"]).toEqual(["1", "2"]);
  });

  test("connections inside are used again", async () => {
    const before = inside.server.host.ports.count;
    for (let n = 0; n < 10; n++) expect((await inside.get("/")).text).toBe("from inside");
    // One more than the first wherever this machine stands still for longer than an idle one is kept.
    expect(inside.server.host.ports.count - before).toBeLessThanOrEqual(4);
  });

  test("bad ports: 400 with the field", async () => {
    for (const port of ["0", "22", "65536", "abc", "-1", "1e3", "%33000"]) {
      const reply = await ask(inside.url, `/v1/sandboxes/${inside.id}/proxy/${port}/`, { headers: AUTHORISED });
      expect([port, reply.status, JSON.parse(reply.text).code]).toEqual([port, 400, "validation.failed"]);
    }
  });
});

describe("answers", () => {
  test("status, reason, headers and body come back; hop-by-hop headers do not", async () => {
    inside.handle = (_request, response) => {
      response.writeHead(418, "Short And Stout", [
        ["Content-Type", "text/plain"],
        ["X-Many", "1"],
        ["X-Many", "2"],
        ["Keep-Alive", "timeout=99"],
        ["Link", "</a>; rel=preload"],
      ] as never);
      response.end("tea");
    };
    const reply = await open(inside.url, `${inside.base}/`, { headers: AUTHORISED });
    expect([reply.statusCode, reply.statusMessage]).toEqual([418, "Short And Stout"]);
    expect(reply.headersDistinct["x-many"]).toEqual(["1", "2"]);
    expect(String(reply.headers["keep-alive"])).not.toContain("99");
    expect(reply.headers["x-request-id"]).toMatch(/^[0-9a-f]{16}$/);
    expect(await text(reply)).toBe("tea");
  });

  test("HEAD, 204 and 304 have no body and keep their headers", async () => {
    inside.handle = (request, response) => {
      response.writeHead(request.url === "/304" ? 304 : request.url === "/204" ? 204 : 200, {
        etag: '"x"',
        ...(request.url === "/204" ? {} : { "content-length": "5" }),
      });
      response.end(request.method === "HEAD" || request.url !== "/" ? undefined : "hello");
    };
    expect(await inside.get("/", { method: "HEAD" })).toMatchObject({
      status: 200,
      text: "",
      headers: { "content-length": "5" },
    });
    expect(await inside.get("/304")).toMatchObject({ status: 304, text: "", headers: { etag: '"x"' } });
    expect(await inside.get("/204")).toMatchObject({ status: 204, text: "" });
  });

  test("redirects of a server that does not know its prefix lead back to it", async () => {
    inside.handle = (_request, response) => response.writeHead(302, { location: "/login?next=/a" }).end();
    expect((await inside.get("/")).headers.location).toBe(`${inside.base}/login?next=/a`);
    inside.handle = (_request, response) => response.writeHead(302, { location: "https://example.com/" }).end();
    expect((await inside.get("/")).headers.location).toBe("https://example.com/");
    expect(await inside.get("")).toMatchObject({ status: 307, headers: { location: `${inside.base}/` } });
    expect(await inside.get(`?access_token=${ADMIN_TOKEN}&a=1`)).toMatchObject({
      headers: { location: `${inside.base}/?a=1` },
    });
  });

  test("an answer before the end of the body is passed on, and the rest is not taken for a request", async () => {
    inside.handle = (_request, response) => response.writeHead(413).end("too much");
    const { hostname, port } = new URL(inside.url);
    const sent = httpRequest({
      hostname,
      port,
      path: `${inside.base}/`,
      method: "POST",
      headers: AUTHORISED,
      agent: false,
    });
    sent.on("error", () => {});
    sent.write("x".repeat(100_000));
    const [reply] = (await withTimeout(once(sent, "response"), 5000, "no answer")) as [IncomingMessage];
    expect([reply.statusCode, reply.headers.connection]).toEqual([413, "close"]);
    expect(await text(reply)).toBe("too much");
    sent.destroy();
  });
});

describe("ports", () => {
  const ports = async () => (await inside.server.api("GET", `/v1/sandboxes/${inside.id}/ports`)).body;

  test("listed with what listens; a label and `public` can be set and taken away", async () => {
    expect(await ports()).toMatchObject([
      { port: 3000, listening: true, source: "detected", public: false, process: "node", proxy_url: `${inside.base}/` },
    ]);
    const added = await inside.server.api("POST", `/v1/sandboxes/${inside.id}/ports`, {
      port: 8000,
      label: "web",
      public: true,
    });
    expect(added).toMatchObject({
      status: 201,
      body: { port: 8000, label: "web", listening: false, source: "user", public: true },
    });
    expect(added.body.preview_url).toBe(`http://8000-${inside.id}.localhost:${new URL(inside.url).port}`);
    expect((await inside.server.api("GET", `/v1/sandboxes/${inside.id}`)).body.metadata).toMatchObject({
      "port.8000": "web",
    });
    expect((await inside.server.api("POST", `/v1/sandboxes/${inside.id}/ports`, { port: 8000 })).body).toMatchObject({
      label: "service",
      public: false,
    });
    expect((await inside.server.api("DELETE", `/v1/sandboxes/${inside.id}/ports/8000`)).status).toBe(204);
    expect((await inside.server.api("DELETE", `/v1/sandboxes/${inside.id}/ports/8000`)).status).toBe(204);
    expect((await ports()).map(({ port }: { port: number }) => port)).toEqual([3000]);
  });

  test("bad ones: 400 with the field; too many: 409", async () => {
    for (const port of [0, 22, 65_536, 1.5, "80"])
      expect(await inside.server.api("POST", `/v1/sandboxes/${inside.id}/ports`, { port })).toMatchObject({
        status: 400,
        body: { details: { field: "port" } },
      });
    const other = (await inside.server.api("POST", "/v1/sandboxes")).body.id;
    for (let port = 4000; port < 4024; port++)
      await inside.server.api("POST", `/v1/sandboxes/${other}/ports`, { port });
    expect(await inside.server.api("POST", `/v1/sandboxes/${other}/ports`, { port: 4024 })).toMatchObject({
      status: 409,
      body: { code: "port.limit_reached" },
    });
    expect(
      (await inside.server.api("POST", `/v1/sandboxes/${other}/ports`, { port: 4000, label: "again" })).status,
    ).toBe(201);
  });
});
