import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { DEFAULT_GATEWAY_SETTINGS, readGatewaySettings } from "../../src/gateway/settings.ts";
import { AUTHORISED, Inside } from "../support/inside.ts";
import { startControlPlane } from "../support/server.ts";

const folder = mkdtempSync("/tmp/pandastack-test-tls-");
const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
let inside: Inside;
let port: string;
let stop: () => Promise<void>;
beforeAll(async () => {
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,DNS:*.localhost"];
  const kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  execFileSync("openssl", ["req", ...kind, ...subject, "-keyout", key, "-out", cert], { stdio: "ignore" });
  const tls = { cert: readFileSync(cert), key: readFileSync(key) };
  inside = await Inside.start();
  const { server } = inside;
  const given = { databaseUrl: server.database.url, hostSocket: server.host.socketPath };
  const secure = await startControlPlane({ ...given, gateway: { ...DEFAULT_GATEWAY_SETTINGS, tls } });
  stop = () => secure.controlPlane.stop();
  port = new URL(secure.url).port;
});
afterAll(async () => {
  await stop();
  await inside.stop();
  rmSync(folder, { recursive: true });
});

async function visit(path: string, headers: Record<string, string>): Promise<IncomingMessage & { body: string }> {
  const sent = request({
    host: "127.0.0.1",
    port,
    servername: "localhost",
    ca: readFileSync(cert),
    agent: false,
    path,
    headers,
  });
  sent.end();
  const [reply] = (await once(sent, "response")) as [IncomingMessage];
  return Object.assign(reply, { body: await text(reply) });
}

test("API and previews are served with the given certificate; links and cookies are made for it", async () => {
  expect((await visit("/healthz", {})).statusCode).toBe(200);
  expect((await visit(`${inside.base}/`, AUTHORISED)).body).toBe("from inside");
  const ports = JSON.parse(
    (await visit(`/v1/sandboxes/${inside.id}/ports`, { ...AUTHORISED, host: "localhost" })).body,
  );
  expect(ports[0].preview_url).toBe(`https://3000-${inside.id}.localhost`);
  const { body: made } = await inside.server.api("POST", `/v1/sandboxes/${inside.id}/preview-token`, { port: 3000 });
  const entered = await visit(`/.pandastack/open/${made.token}/`, { host: `3000-${inside.id}.localhost` });
  expect(entered.headers["set-cookie"]?.[0]).toMatch(/^__Host-pandastack-preview=.*; HttpOnly; SameSite=Lax; Secure$/);
});

test("what is wrong with a certificate is said before anything starts", () => {
  const read = (env: Record<string, string>): string[] => {
    const problems: string[] = [];
    readGatewaySettings((name) => env[name], 1, problems);
    return problems;
  };
  expect(read({ PANDASTACK_TLS_CERT: cert, PANDASTACK_TLS_KEY: key })).toEqual([]);
  expect(read({ PANDASTACK_TLS_CERT: cert })).toEqual(["PANDASTACK_TLS_CERT and PANDASTACK_TLS_KEY go together"]);
  expect(read({ PANDASTACK_TLS_CERT: "/none", PANDASTACK_TLS_KEY: key })[0]).toContain("/none");
  expect(read({ PANDASTACK_PREVIEW_HOST_SUFFIX: "not a domain" })[0]).toContain("PANDASTACK_PREVIEW_HOST_SUFFIX");
  expect(read({ PANDASTACK_PUBLIC_BASE_URL: "https://x/path" })[0]).toContain("PANDASTACK_PUBLIC_BASE_URL");
  expect(read({ PANDASTACK_PREVIEW_SECRET: "short" })[0]).toContain("PANDASTACK_PREVIEW_SECRET");
});
