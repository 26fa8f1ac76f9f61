import { createServer } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { operationNames, operations, type Operation, type OperationName, type Role } from "@pandastack/contracts";
import {
  ADMIN_TOKEN,
  limitsWith,
  startTestServer,
  type TestServer,
} from "../../packages/control-plane/tests/support/server.ts";
import { TestSocket } from "../../packages/control-plane/tests/support/sockets.ts";

/**
 * Every operation of the registry × every kind of caller. Generated: an operation that is added is in it, and fails here
 * until the server asks for the role that its contract names.
 */
const roles: readonly Role[] = ["read", "member", "admin"];
const rank = (role: Role) => roles.indexOf(role);
const all = operationNames.map((name): [OperationName, Operation] => [name, operations[name]]);
const guarded = all.filter((entry): entry is [OperationName, Operation & { role: Role }] => entry[1].role !== "public");

const PING = { jsonrpc: "2.0", id: 1, method: "ping" };
/** What a call needs to be a good one, where that is not nothing. */
const bodies: Partial<Record<OperationName, unknown>> = {
  createWorkspace: { slug: "made-by-matrix" },
  createVolume: { name: "made-by-matrix" },
  bakeImage: { image_name: "made-by-matrix", wait: false },
  cloneVolume: { name: "clone-by-matrix" },
  snapshotVolume: { name: "snapshot-by-matrix" },
  growVolume: { size_mb: 512 },
  exec: { cmd: "true" },
  execStream: { cmd: "true" },
  runCode: { code: "1" },
  runCodeStream: { code: "1" },
  runReplCell: { code: "1" },
  runRepl: { language: "python", code: "1" },
  updateLifecycle: { ttl_seconds: 3600 },
  callMcp: PING,
  callMcpAtRoot: PING,
  callSandboxMcp: PING,
  updateWorkspaceLimits: { streams: 1000 },
  updateWorkspaceNetwork: { default: null },
  updateWorkspaceIsolation: { isolation: "any" },
  updateSandbox: { egress_mbps: 100 },
  makeDirectory: { path: "/made" },
  moveFile: { from: "/file", to: "/file2" },
  changeMode: { path: "/file", mode: "644" },
  changeOwner: { path: "/file", user: "root" },
  addPort: { port: 3000 },
  createPreviewToken: { port: 3000 },
  createPreview: { port: 3000 },
};
const queries: Partial<Record<OperationName, string>> = {
  readFile: "path=/file",
  writeFile: "path=/file",
  removeFile: "path=/file",
  statFile: "path=/file",
  watchFiles: "path=/",
  streamProcess: "replay=1",
};

let server: TestServer;
const tokens: Record<string, string> = {};
/** A sandbox and a snapshot of the workspace `mine`. */
let sandbox: string;
let snapshot: string;
let process: string;
const BUILDS = "/v1/templates/builds/{id}";
let build = "tb_0123456789abcdef";
let volume = "none";
let volumes = 0;

const token = async (workspace: string, role: Role): Promise<string> =>
  (await server.api("POST", `/v1/workspaces/${workspace}/tokens`, { role })).body.token;

beforeAll(async () => {
  server = await startTestServer({ limits: limitsWith({ sandboxes: 10_000 }) });
  server.host.ports.serve(
    3000,
    createServer((_request, response) => response.end("from inside")),
  );
  for (const workspace of ["mine", "other"]) {
    await server.api("POST", "/v1/workspaces", { slug: workspace });
    for (const role of roles) tokens[`${workspace} ${role}`] = await token(workspace, role);
  }
  tokens["revoked"] = await token("mine", "admin");
  await server.api("DELETE", `/v1/workspaces/mine/tokens/${tokens["revoked"].slice(0, 12)}`);
  tokens["expired"] = await token("mine", "admin");
  await server.database.query(
    `update tokens set expires_at = now() - interval '1 hour' where prefix = '${tokens["expired"].slice(0, 12)}'`,
  );
});
afterAll(() => server.stop());

/** Each call gets a sandbox of its own, so that none meets what another has done. */
async function prepare(name: OperationName): Promise<void> {
  const member = { token: tokens["mine member"]! };
  sandbox = (await server.api("POST", "/v1/sandboxes", {}, member)).body.id;
  snapshot = (await server.api("POST", `/v1/sandboxes/${sandbox}/snapshots`, undefined, member)).body.id;
  process = (await server.api("POST", `/v1/sandboxes/${sandbox}/exec`, { cmd: "sleep 60", detach: true }, member)).body
    .id;
  await server.api("PUT", `/v1/sandboxes/${sandbox}/fs?path=/file`, "x", member);
  if (operations[name].path.startsWith(BUILDS))
    await server.database.query(
      `insert into template_builds (id, name, workspace, is_global, status, recipe_key, steps, size_mb)
       values ('${build}', 'made-by-matrix', 'mine', false, 'done', 'key', 0, 1024) on conflict do nothing`,
    );
  if (NAMES.test(operations[name].path)) await prepareTemplate();
  if (!operations[name].path.startsWith("/v1/volumes")) return;
  volume = `volume-${++volumes}`;
  await server.api("POST", "/v1/volumes", { name: volume }, member);
}

/** Of a template of `mine`: its versions, tags, other names, and whether it is published. */
const NAMES = /^\/v1\/templates\/\{name\}\/(versions|tags|aliases|publish)/;

async function prepareTemplate(): Promise<void> {
  const version = "tb_00000000000000aa";
  for (const statement of [
    `insert into templates (workspace, name) values ('mine', 'named-by-matrix')`,
    `insert into template_versions (id, workspace, name, recipe_key, root_key, base, memory_mb, disk_mb, bytes, env, about)
     values ('${version}', 'mine', 'named-by-matrix', 'key', '${"0".repeat(32)}', 'base', 512, 8192, 1, '{}', '{}')`,
    `insert into template_tags (workspace, name, tag, version_id)
     values ('mine', 'named-by-matrix', 'default', '${version}'), ('mine', 'named-by-matrix', 'a-tag', '${version}')`,
    `insert into template_aliases (workspace, alias, target) values ('mine', 'an-alias', 'named-by-matrix')`,
    `update templates set published_at = null where name = 'named-by-matrix'`,
  ])
    await server.database.query(statement.startsWith("insert") ? `${statement} on conflict do nothing` : statement);
}

function pathOf(name: OperationName, operation: Operation): string {
  const isSnapshot = operation.path.startsWith("/v1/snapshots/");
  const query = queries[name] === undefined ? "" : `?${queries[name]}`;
  return (
    operation.path
      .replace("{id}", isSnapshot ? snapshot : operation.path.startsWith(BUILDS) ? build : sandbox)
      .replace("{pid}", process)
      .replace("{slug}", "mine")
      .replace("{port}", "3000")
      .replace("{path}", "")
      .replace(
        "{name}",
        operation.path.startsWith("/v1/volumes/") ? volume : NAMES.test(operation.path) ? "named-by-matrix" : "base",
      )
      .replace("{tag}", "a-tag")
      .replace("{alias}", "an-alias")
      .replace("{prefix}", "pds_ffffffff") + query
  );
}

/** Status and body of a call; 101 for a socket that opened. */
async function call(
  name: OperationName,
  given: string | null,
  template = "named-by-matrix",
): Promise<{ status: number; code: string | undefined; error: string | undefined }> {
  const operation: Operation = operations[name];
  const path = pathOf(name, operation).replace("/named-by-matrix", `/${template}`);
  if (operation.replies[101] !== undefined) {
    const socket = new TestSocket(server.url + path, {
      headers: given === null ? {} : { authorization: `Bearer ${given}` },
    });
    const outcome = await Promise.race([
      socket.open().then(() => ({ status: 101, body: {} as { code?: string; error?: string } })),
      socket.refused(),
    ]);
    socket.socket.terminate();
    return { status: outcome.status, code: outcome.body.code, error: outcome.body.error };
  }
  const controller = new AbortController();
  const response = await fetch(server.url + path, {
    method: operation.method,
    headers: {
      ...(given === null ? {} : { authorization: `Bearer ${given}` }),
      ...(bodies[name] === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(bodies[name] === undefined ? {} : { body: JSON.stringify(bodies[name]) }),
    signal: controller.signal,
  });
  const isJson = response.headers.get("content-type")?.startsWith("application/json") === true;
  const body = isJson && response.status >= 400 ? ((await response.json()) as { code?: string; error?: string }) : {};
  if (response.status < 400) controller.abort();
  return { status: response.status, code: body.code, error: body.error };
}

describe.each(guarded)("%s", (name, operation) => {
  test("without a token, or with one that is none, no more, or not yet: 401", async () => {
    await prepare(name);
    expect(await call(name, null)).toMatchObject({ status: 401, code: "auth.missing_token" });
    expect(await call(name, "garbage")).toMatchObject({ status: 401, code: "auth.invalid_token" });
    expect(await call(name, `pds_${"e".repeat(32)}`)).toMatchObject({ status: 401, code: "auth.invalid_token" });
    expect(await call(name, tokens["revoked"]!)).toMatchObject({ status: 401, code: "auth.token_revoked" });
    expect(await call(name, tokens["expired"]!)).toMatchObject({ status: 401, code: "auth.invalid_token" });
  });

  test("with too small a role: 403, whatever the id is", async () => {
    await prepare(name);
    for (const role of roles.filter((one) => rank(one) < rank(operation.role))) {
      expect(await call(name, tokens[`mine ${role}`]!), role).toMatchObject({ status: 403, code: "auth.forbidden" });
      expect(await call(name, tokens[`other ${role}`]!), role).toMatchObject({ status: 403, code: "auth.forbidden" });
    }
  });

  test("with the role or a larger one: it is done", async () => {
    for (const role of roles.filter((one) => rank(one) >= rank(operation.role))) {
      await prepare(name);
      const reply = await call(name, tokens[`mine ${role}`]!);
      // What the matrix cannot prepare for is still past the door: made before, or a token that nobody has.
      const isPast =
        reply.status < 300 ||
        (name === "createWorkspace" && reply.code === "workspace.conflict") ||
        reply.code === "volume.already_exists" ||
        // There are no programs in the stand-in's sandboxes.
        reply.code === "code.kernel_failed" ||
        // What is everyone's is not deleted, nor built by callers; a form has to have something in it.
        reply.code === "template.forbidden" ||
        (name === "buildTemplate" && reply.code === "validation.failed") ||
        (name.startsWith("revoke") && reply.code === "token.not_found");
      expect(isPast, `${role}: ${JSON.stringify(reply)}`).toBe(true);
    }
  });

  test.runIf(NAMES.test(operation.path))(
    "of another workspace's template: what an unknown name gets, and of a published one no change",
    async () => {
      await prepare(name);
      const isChange = operation.method !== "GET";
      for (const given of [tokens["other admin"]!, ADMIN_TOKEN]) {
        const foreign = { status: 404, code: "template.unknown" };
        expect(await call(name, given)).toMatchObject(foreign);
        expect(await call(name, given, "mine%2Fnamed-by-matrix")).toMatchObject(foreign);
        await server.database.query("update templates set published_at = now() where name = 'named-by-matrix'");
        // Another name of one's own workspace's for it is no change of it.
        if (isChange && !operation.path.includes("{alias}"))
          expect(await call(name, given, "mine%2Fnamed-by-matrix")).toMatchObject({
            status: 403,
            code: "template.forbidden",
          });
        expect(await call(name, given)).toMatchObject(foreign);
        await server.database.query("update templates set published_at = null where name = 'named-by-matrix'");
      }
    },
  );

  test.runIf(operation.path.includes("{id}"))(
    "from another workspace: what an unknown id gets, for admins too",
    async () => {
      await prepare(name);
      for (const given of [tokens["other admin"]!, ADMIN_TOKEN]) {
        const foreign = await call(name, given);
        const kept = [sandbox, snapshot, build];
        [sandbox, snapshot, build] = ["z".repeat(20), "00000000-0000-4000-8000-000000000000", "tb_ffffffffffffffff"];
        const unknown = await call(name, given);
        [sandbox, snapshot, build] = kept as [string, string, string];
        expect(foreign).toEqual(unknown);
        expect(foreign).toMatchObject({
          status: 404,
          code: operation.path.startsWith("/v1/snapshots/")
            ? "snapshot.not_found"
            : operation.path.startsWith(BUILDS)
              ? "template.build_unknown"
              : "sandbox.not_found",
        });
      }
    },
  );
});

describe("what needs no token", () => {
  test("is about the server, and nothing else", () => {
    expect(all.filter(([, { role }]) => role === "public").map(([name]) => name)).toEqual([
      "getHealth",
      "getReadiness",
      "getVersion",
      "getServerMetrics",
      "getOpenApi",
      "getOpenApiV1",
    ]);
  });

  test.each(all.filter(([, { role }]) => role === "public"))("%s answers anyone", async (name) => {
    expect((await call(name, null)).status).toBe(200);
    expect((await call(name, "garbage")).status).toBe(200);
  });
});

describe("the registry", () => {
  test("a role that only looks changes nothing", () => {
    // A message to MCP changes nothing: what a tool does is a call of its own, that is authorised as one.
    const isMessage = (name: string) => /^call(Sandbox)?Mcp/.test(name);
    for (const [name, { role, method }] of guarded)
      if (role === "read" && !isMessage(name)) expect(method, name).toBe("GET");
  });

  test("whoever changes accounts is admin", () => {
    for (const [name, { role, path }] of guarded)
      if (/^\/v1\/(workspaces|me\/tokens)/.test(path)) expect(role, name).toBe("admin");
  });
});
