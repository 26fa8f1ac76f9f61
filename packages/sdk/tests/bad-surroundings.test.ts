import { createServer as createTlsServer } from "node:https";
import { createServer, type Socket } from "node:net";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { ConnectionError, PandaStack, PandaStackError, TimeoutError } from "../src/index.ts";
import { parseRetryAfter } from "../src/errors/errors.ts";
import { connectionError } from "../src/transport/http.ts";
import { fakeServer, sendJson } from "./support.ts";

/** What is wrong around the client is said so that a person can mend it. */
const failureOf = async (baseUrl: string, apiKey: string | undefined = "pds_x"): Promise<PandaStackError> => {
  const client = new PandaStack({ baseUrl, apiKey, timeoutMs: 10_000 });
  const error = await client.sandboxes.create().catch((failure: unknown) => failure);
  expect(error).toBeInstanceOf(PandaStackError);
  return error as PandaStackError;
};

async function listening(server: ReturnType<typeof createServer>): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return (server.address() as { port: number }).port;
}

describe("where the server is", () => {
  it("nobody listens", async () => {
    const server = createServer();
    const port = await listening(server);
    await new Promise((resolve) => server.close(resolve));
    expect(await failureOf(`http://127.0.0.1:${port}`)).toMatchObject({
      code: "client.connection",
      hint: expect.stringContaining("is the server running"),
    });
  });

  it("the name is no host's", () => {
    // As Node says it; a machine without a resolver would take its time.
    const cause = Object.assign(new Error("getaddrinfo ENOTFOUND sandbox.example"), { code: "ENOTFOUND" });
    expect(connectionError("http://sandbox.example", new TypeError("fetch failed", { cause }))).toMatchObject({
      code: "client.connection",
      message: expect.stringContaining("ENOTFOUND sandbox.example"),
      hint: expect.stringContaining("no host of this name"),
    });
  });

  it("it is no address at all", async () => {
    expect(await failureOf("localhost:8080")).toMatchObject({ code: "client.bad_url", hint: expect.any(String) });
  });

  it("something else answers there", async () => {
    const { url } = await fakeServer((_seen, response) => response.writeHead(200).end("<html>hello</html>"));
    expect(await failureOf(url)).toMatchObject({ code: "client.bad_answer", hint: expect.stringContaining("baseUrl") });
  });

  it("it accepts and says nothing", async () => {
    const sockets: Socket[] = [];
    const port = await listening(createServer((socket) => sockets.push(socket)));
    onTestFinished(() => sockets.forEach((socket) => socket.destroy()));
    const client = new PandaStack({ baseUrl: `http://127.0.0.1:${port}`, apiKey: "pds_x", timeoutMs: 200 });
    const error = await client.sandboxes
      .list()
      .toArray()
      .catch((failure: unknown) => failure);
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error).toMatchObject({ code: "client.timeout", hint: expect.stringContaining("timeoutMs") });
  });
});

describe("TLS", () => {
  it("a certificate that nobody vouches for", async () => {
    const folder = mkdtempSync(join(tmpdir(), "pandastack-tls-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const [key, cert] = [join(folder, "key"), join(folder, "cert")];
    const names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"];
    const made = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
    execFileSync("openssl", ["req", ...made, ...names, "-keyout", key, "-out", cert], { stdio: "ignore" });
    const server = createTlsServer({ key: readFileSync(key), cert: readFileSync(cert) });
    const port = await listening(server);
    expect(await failureOf(`https://127.0.0.1:${port}`)).toMatchObject({
      code: "client.tls",
      hint: expect.stringContaining("NODE_EXTRA_CA_CERTS"),
    });
    // And the other way round: plain text to a port that wants TLS.
    expect((await failureOf(`http://127.0.0.1:${port}`)).code).toMatch(/^client\./);
  });

  it("https to a server without", async () => {
    const { url } = await fakeServer((_seen, response) => sendJson(response, 200, {}));
    expect(await failureOf(url.replace("http:", "https:"))).toMatchObject({
      code: "client.tls",
      hint: expect.stringContaining("http://"),
    });
  });
});

describe("in the middle", () => {
  it("the server goes while a command writes: an error that names the command, to join it again", async () => {
    const { url } = await fakeServer((_seen, response) => {
      response.writeHead(200, { "content-type": "text/event-stream", "x-pandastack-process": "p1" });
      response.write('event: stdout\ndata: {"chunk":"begun"}\n\n', () => response.destroy());
    });
    const client = new PandaStack({ baseUrl: url, apiKey: "pds_x" });
    const { Commands } = await import("../src/commands/commands.ts");
    const error = await new Commands(client.http, "/sandboxes/x").run("make").catch((failure: unknown) => failure);
    expect(error).toBeInstanceOf(ConnectionError);
    expect((error as ConnectionError).hint).toContain("p1");
  });

  it("without a token, or with a wrong one, it says which setting is meant", async () => {
    const { url } = await fakeServer((seen, response) =>
      sendJson(response, 401, {
        error: "no",
        code: seen.headers.authorization === undefined ? "auth.missing_token" : "auth.invalid_token",
      }),
    );
    for (const apiKey of ["", "pds_wrong"])
      expect((await failureOf(url, apiKey)).hint, apiKey).toContain("PANDASTACK_API_KEY");
  });

  it("a clock that is wrong: a Retry-After of an hour ago waits for nothing, one of a wrong clock not for ever", async () => {
    const now = Date.parse("2026-01-01T12:00:00Z");
    expect(parseRetryAfter("Thu, 01 Jan 2026 11:00:00 GMT", now)).toBe(0);
    const { url, seen } = await fakeServer((_seen, response, count) =>
      count === 1
        ? sendJson(
            response,
            503,
            { error: "later", code: "host.unavailable", retryable: true },
            {
              "retry-after": new Date(Date.now() + 86_400_000).toUTCString(),
            },
          )
        : sendJson(response, 200, []),
    );
    const client = new PandaStack({ baseUrl: url, apiKey: "pds_x", timeoutMs: 1000 });
    await expect(client.sandboxes.list().toArray()).rejects.toMatchObject({ code: "host.unavailable" });
    expect(seen).toHaveLength(1);
  });
});
