import type { WorkspaceLimits } from "@pandastack/contracts";
import { createLogger } from "@pandastack/platform";
import { DEFAULT_GATEWAY_SETTINGS } from "../../src/gateway/settings.ts";
import { makeControlPlane, type ControlPlane } from "../../src/main/control-plane.ts";
import type { Settings } from "../../src/main/settings.ts";
import { NO_MIRRORS } from "../../src/templates/mirrors.ts";
import { createTestDatabase } from "./database.ts";
import { StandInHost } from "./stand-in/host.ts";

export const ADMIN_TOKEN = "pds_00000000000000000000000000000000";

export interface TestServer {
  readonly url: string;
  readonly host: StandInHost;
  readonly controlPlane: ControlPlane;
  readonly database: Awaited<ReturnType<typeof createTestDatabase>>;
  readonly api: Api;
  stop(): Promise<void>;
}

/** Replies of every shape, which tests look into and compare. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Json = any;

export interface ApiReply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Json;
}

export type Api = (
  method: string,
  path: string,
  body?: unknown,
  options?: { token?: string | null; headers?: Record<string, string> },
) => Promise<ApiReply>;

export function apiOf(url: string, defaultToken: string = ADMIN_TOKEN): Api {
  return async (method, path, body, options = {}) => {
    const token = options.token === undefined ? defaultToken : options.token;
    const response = await fetch(url + path, {
      method,
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...options.headers,
      },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = response.headers.get("content-type")?.startsWith("application/json") === true;
    return {
      status: response.status,
      headers: response.headers,
      body: isJson && text !== "" ? JSON.parse(text) : text,
    };
  };
}

export function testLogger() {
  const log = createLogger("test");
  log.level = process.env["PANDASTACK_LOG_LEVEL"] ?? "silent";
  return log;
}

/** What workspaces may have in tests, where they say nothing else. */
export function limitsWith(given: Partial<WorkspaceLimits>): WorkspaceLimits {
  return {
    sandboxes: 1000,
    running_sandboxes: 1000,
    snapshots: 500,
    templates: 100,
    template_builds: 4,
    streams: 2000,
    processes: 2000,
    body_bytes: 1024 * 1024,
    output_bytes: 16 * 1024 * 1024,
    ...given,
  };
}

/** What tests run with where they say nothing else. */
export const TEST_SETTINGS: Omit<Settings, "databaseUrl" | "hostSocket"> = {
  listen: { host: "127.0.0.1", port: 0 },
  apiKey: ADMIN_TOKEN,
  bootstrapFile: undefined,
  serverId: undefined,
  runAs: undefined,
  defaultTtlSeconds: 3600,
  operatorPrivate: ["10.1.0.0/16"],
  defaultRuntime: "fake",
  limits: limitsWith({}),
  auditDays: 90,
  hostWorkLimit: undefined,
  queueLimit: 1000,
  queueSeconds: 20,
  heartbeatSeconds: 15,
  gateway: DEFAULT_GATEWAY_SETTINGS,
  mirrors: NO_MIRRORS,
  // Private, so that nothing is asked.
  defaultRegistry: "10.0.0.1/mirror",
};

export async function startControlPlane(
  given: { databaseUrl: string; hostSocket: string } & Partial<Settings>,
): Promise<{ controlPlane: ControlPlane; url: string; api: Api }> {
  const controlPlane = await makeControlPlane({ ...TEST_SETTINGS, ...given }, testLogger(), { checkReplies: true });
  const { port } = await controlPlane.start();
  await controlPlane.started;
  await controlPlane.parts.watch.known().catch(() => {});
  const url = `http://127.0.0.1:${port}`;
  return { controlPlane, url, api: apiOf(url) };
}

/** A control plane with a database and a stand-in host of its own. */
export async function startTestServer(settings: Partial<Settings> = {}): Promise<TestServer> {
  const [database, host] = [await createTestDatabase(), new StandInHost()];
  await host.start();
  const { controlPlane, url, api } = await startControlPlane({
    databaseUrl: database.url,
    hostSocket: host.socketPath,
    ...settings,
  });
  return {
    url,
    host,
    controlPlane,
    database,
    api,
    stop: async () => {
      await controlPlane.stop();
      await host.close();
      await database.drop();
    },
  };
}
