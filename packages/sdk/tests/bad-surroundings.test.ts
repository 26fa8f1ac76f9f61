import { createServer as createTlsServer } from "node:https";
import { createServer, type Socket } from "node:net";
import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it, onTestFinished } from "vitest";
import { ConnectionError, PandaStack, PandaStackError, TimeoutError } from "../src/index.ts";
import { freePort } from "../../platform/tests/support/free-port.ts";
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
    expect(await failureOf(`http://127.0.0.1:${await freePort()}`)).toMatchObject({
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

/** A server whose certificate is for this name and good until then (as OpenSSL writes times); where its certificate lies. */
async function tlsServer(name: string, until = "20991231000000Z"): Promise<{ port: number; cert: string }> {
  const folder = mkdtempSync(join(tmpdir(), "pandastack-tls-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const [key, cert, config] = [join(folder, "key"), join(folder, "cert"), join(folder, "config")];
  writeFileSync(join(folder, "database"), "");
  const ca = [
    "[ca]",
    "default_ca=c",
    "[c]",
    `database=${folder}/database`,
    `new_certs_dir=${folder}`,
    "rand_serial=yes",
  ];
  const how = ["default_md=sha256", "policy=p", "x509_extensions=e", "[p]", "commonName=supplied"];
  const what = ["[e]", `subjectAltName=${name}`, "basicConstraints=CA:TRUE", "[req]", "distinguished_name=d", "[d]"];
  writeFileSync(config, [...ca, ...how, ...what, ""].join("\n"));
  const openssl = (...args: string[]) => execFileSync("openssl", [...args, "-config", config], { stdio: "ignore" });
  const made = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost"];
  openssl("req", "-new", ...made, "-keyout", key, "-out", join(folder, "request"));
  const dates = ["-startdate", "20200101000000Z", "-enddate", until];
  openssl(
    "ca",
    "-batch",
    "-selfsign",
    "-in",
    join(folder, "request"),
    "-keyfile",
    key,
    "-out",
    cert,
    "-notext",
    ...dates,
  );
  const server = createTlsServer({ key: readFileSync(key), cert: readFileSync(cert) }, (_request, response) =>
    response.end("no PandaStack"),
  );
  return { port: await listening(server), cert };
}

describe("TLS", () => {
  it("a certificate that nobody vouches for", async () => {
    const { port } = await tlsServer("IP:127.0.0.1");
    expect(await failureOf(`https://127.0.0.1:${port}`)).toMatchObject({
      code: "client.tls",
      hint: expect.stringContaining("NODE_EXTRA_CA_CERTS"),
    });
    // And the other way round: plain text to a port that wants TLS.
    expect((await failureOf(`http://127.0.0.1:${port}`)).code).toMatch(/^client\./);
  });

  it.each([
    [
      "that is not valid at this time",
      "IP:127.0.0.1",
      "20200102000000Z",
      /by this machine's clock: set the clock right/,
    ],
    ["of another host", "DNS:sandboxes.example", undefined, /certificate is another host's/],
  ])("a certificate %s", async (_what, name, until, hint) => {
    const { port, cert } = await tlsServer(name, until);
    // Trusted from the start of a program only: so it is one of its own.
    const sdk = JSON.stringify(join(import.meta.dirname, "../src/index.ts"));
    const program = `
      const { PandaStack } = await import(${sdk});
      const panda = new PandaStack({ baseUrl: "https://127.0.0.1:${port}", apiKey: "pds_x" });
      const list = () => panda.sandboxes.list().toArray();
      const failure = await list().catch((error) => error);
      console.log(JSON.stringify({ code: failure.code, hint: failure.hint, message: failure.message }));`;
    const env = { ...process.env, NODE_EXTRA_CA_CERTS: cert };
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", program], { env });
    expect(JSON.parse(stdout)).toMatchObject({ code: "client.tls", hint: expect.stringMatching(hint) });
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
    const client = new PandaStack({ baseUrl: url, apiKey: "pds_x", timeoutMs: 10_000 });
    await expect(client.sandboxes.list().toArray()).rejects.toMatchObject({ code: "host.unavailable" });
    expect(seen).toHaveLength(1);
  });
});
