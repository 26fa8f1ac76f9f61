import type { FastifyInstance } from "fastify";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { errorRegistry, operations, step, type Operation } from "@pandastack/contracts";
import { routePath } from "../src/http/bind.ts";
import { startTestServer, type Json, type TestServer } from "./support/server.ts";

let server: TestServer;
let document: Json;
beforeAll(async () => {
  server = await startTestServer();
  document = (await server.api("GET", "/openapi.json", undefined, { token: null })).body;
});
afterAll(() => server.stop());

/** Every route that the router knows, from its tree. */
function routesOf(app: FastifyInstance): string[] {
  const routes: string[] = [];
  const prefixes: string[] = [];
  for (const line of app.printRoutes({ commonPrefix: false }).split("\n")) {
    const match = /^([│ ├└─]*)(\S+)(?: \(([A-Z, ]+)\))?$/u.exec(line);
    if (match === null) continue;
    const depth = match[1]!.length / 4;
    prefixes[depth] = (depth > 1 ? (prefixes[depth - 1] ?? "") : "") + match[2];
    for (const method of (match[3] ?? "").split(", ").filter((name) => name !== ""))
      routes.push(`${method} ${prefixes[depth]}`);
  }
  return routes;
}

const all = Object.entries(operations) as [string, Operation][];

describe("the document", () => {
  test("is OpenAPI 3.1, at both addresses and on the command line", async () => {
    expect(document.openapi).toBe("3.1.0");
    expect((await server.api("GET", "/v1/openapi.json", undefined, { token: null })).body).toEqual(document);
  });

  test("has every operation of the registry, and no other", () => {
    const printed = Object.entries(document.paths as Record<string, Record<string, { operationId: string }>>).flatMap(
      ([path, item]) =>
        Object.entries(item).map(([method, { operationId }]) => `${operationId} ${method.toUpperCase()} ${path}`),
    );
    expect(printed.toSorted()).toEqual(all.map(([name, { method, path }]) => `${name} ${method} ${path}`).toSorted());
  });

  test("has a home for every reference", () => {
    const references = JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g);
    for (const [, reference] of references) {
      const target = reference!
        .replace("#/", "")
        .split("/")
        .reduce((node, key) => node?.[key], document);
      expect(target, reference).toBeDefined();
    }
    expect(JSON.stringify(document)).not.toContain("#/$defs");
  });

  test("declares every parameter of every path", () => {
    for (const [name, { path, params }] of all) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
      expect(Object.keys(params.shape), name).toEqual(inPath);
    }
  });

  test("says of every operation who may, what else it may answer, and whether it wakes", () => {
    for (const [name, operation] of all) {
      const printed = document.paths[operation.path][operation.method.toLowerCase()];
      expect(printed["x-pandastack-role"], name).toBe(operation.role);
      expect(printed.summary.length, name).toBeGreaterThan(10);
      for (const code of operation.errors)
        expect(printed.responses[errorRegistry[code].status], `${name} ${code}`).toBeDefined();
      if (operation.role !== "public") expect(printed.responses["401"], name).toBeDefined();
      if (operation.verb !== null)
        expect(printed.description, name).toContain(
          step("hibernated", operation.verb).kind === "wake-first" ? "Wakes a hib" : "Does not wake",
        );
    }
  });

  test("its shape stays what it is (see the snapshot's changes before accepting them)", () => {
    const summary = all.map(
      ([name, { method, path, role, verb, isActivity, replies }]) =>
        `${name}: ${method} ${path} [${role}] verb=${verb} activity=${isActivity} → ${Object.keys(replies).join(", ")}`,
    );
    expect(summary).toMatchSnapshot();
    expect(Object.keys(document.components.schemas)).toMatchSnapshot();
  });
});

describe("the server", () => {
  test("serves every operation and nothing that is not in the registry", () => {
    const { app } = server.controlPlane;
    const handled = all.filter(([, { isProxied }]) => !isProxied);
    for (const [name, { method, path }] of handled)
      expect(app.hasRoute({ method, url: routePath(path) }), name).toBe(true);
    const known = new Set(all.map(([, { method, path }]) => `${method} ${routePath(path)}`));
    const others = routesOf(app).filter((route) => !known.has(route));
    expect(others.toSorted()).toEqual([
      "DELETE /mcp",
      "DELETE /v1/mcp",
      "GET /docs",
      "GET /docs/js/scalar.js",
      "GET /docs/openapi.json",
      "GET /docs/openapi.yaml",
      "GET /mcp",
      "GET /v1/mcp",
      "OPTIONS *",
    ]);
  });

  test("the reference page needs nothing from elsewhere", async () => {
    const page = await server.api("GET", "/docs/", undefined, { token: null });
    expect(page.status).toBe(200);
    expect(page.body).toContain("PandaStack API");
    expect(page.body.match(/(?:src|href)="?https?:/g)).toBeNull();
    expect(page.body).not.toMatch(/https?:\/\/(?!json-schema\.org|www\.w3\.org)/);
    expect(page.body).toContain("js/scalar.js");
    expect((await server.api("GET", "/docs", undefined, { token: null })).status).toBe(200);
    const script = await server.api("GET", "/docs/js/scalar.js", undefined, { token: null });
    expect(script.status).toBe(200);
    expect(script.body.length).toBeGreaterThan(1_000_000);
    expect((await server.api("GET", "/docs/openapi.json", undefined, { token: null })).body.info).toEqual(
      document.info,
    );
  });
});
