import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { deriveSandboxId, deriveUuid } from "../src/calls/ids.ts";
import { fromHostReply } from "../src/hosts/failures.ts";
import { readSettings } from "../src/main/settings.ts";
import { parseTerminalInput } from "../src/sandboxes/commands/terminal-input.ts";
import { BoundedOutput } from "../src/sandboxes/commands/output.ts";
import { guestPath } from "../src/sandboxes/files/paths.ts";
import { lastLines, newText } from "../src/sandboxes/observation/follow-logs.ts";
import { KeyedQueue } from "../src/sandboxes/queue.ts";
import { childTtlSeconds, keptMetadata } from "../src/sandboxes/rules.ts";
import { routePath } from "../src/http/bind.ts";
import { requestIdOf } from "../src/http/request-id.ts";

describe("ids", () => {
  test("belong to their seed and purpose, and have the form that hosts and clients check", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (seed, purpose) => {
        expect(deriveSandboxId(seed, purpose)).toMatch(/^[a-z0-9]{20}$/);
        expect(deriveSandboxId(seed, purpose)).toBe(deriveSandboxId(seed, purpose));
        expect(deriveUuid(seed, purpose)).toMatch(
          /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
        );
      }),
    );
    const ids = new Set(Array.from({ length: 10_000 }, (_, i) => deriveSandboxId("seed", String(i))));
    expect(ids.size).toBe(10_000);
  });
});

describe("metadata", () => {
  test("secrets are never shown; platform keys are never taken", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.string({ minLength: 12 })), (metadata) => {
        const secret = Object.fromEntries(Object.entries(metadata).map(([key, value]) => [`secret.${key}`, value]));
        for (const value of Object.values(keptMetadata(secret))) expect(value).toBe("[redacted]");
        const kept = keptMetadata({
          ...metadata,
          fork_x: "1",
          workspace: "w",
          kind: "k",
          "app.id": "a",
          forked_from: "f",
        });
        expect(
          Object.keys(kept).some(
            (key) => key.startsWith("fork_") || ["workspace", "kind", "app.id", "forked_from"].includes(key),
          ),
        ).toBe(false);
      }),
    );
  });

  test("a child's ttl: its own, its exploration's, its parent's", () => {
    expect(childTtlSeconds({ ttl_seconds: 5, metadata: { explore_ttl: "600" } }, 60)).toBe(5);
    expect(childTtlSeconds({ ttl_seconds: 0 }, 60)).toBe(0);
    expect(childTtlSeconds({ metadata: { explore_ttl: "600" } }, 60)).toBe(600);
    for (const odd of ["", "-1", "abc", "1e9", "99999999999"])
      expect(childTtlSeconds({ metadata: { explore_ttl: odd } }, 60)).toBe(60);
    expect(childTtlSeconds({}, 60)).toBe(60);
  });
});

describe("small things", () => {
  test("terminal input in every form", () => {
    const parse = (text: string, isBinary = false) => parseTerminalInput(Buffer.from(text), isBinary);
    expect(parse('{"resize":{"rows":1,"cols":2}}')).toEqual({ kind: "resize", rows: 1, cols: 2 });
    expect(parse('{"type":"resize","rows":3,"cols":4}')).toEqual({ kind: "resize", rows: 3, cols: 4 });
    expect(parse('{"stdin":"ls"}')).toEqual({ kind: "bytes", data: Buffer.from("ls") });
    expect(parse('{"resize":{"rows":0,"cols":2}}')).toMatchObject({ kind: "bytes" });
    expect(parse('{"resize":{"rows":1,"cols":2}}', true)).toMatchObject({ kind: "bytes" });
    expect(parse("{not json")).toEqual({ kind: "bytes", data: Buffer.from("{not json") });
  });

  test("output is kept up to its limit, whatever the pieces", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 20 })), fc.integer({ min: 0, max: 60 }), (pieces, limit) => {
        const output = new BoundedOutput(limit);
        for (const piece of pieces) output.add(piece);
        const all = Buffer.concat(pieces);
        expect(output.text()).toBe(all.subarray(0, limit).toString("utf8"));
        expect(output.isTruncated).toBe(all.length > limit);
      }),
    );
  });

  test("paths", () => {
    expect([guestPath("/a"), guestPath("a/b"), guestPath("../x")]).toEqual(["/a", "/root/a/b", "/root/../x"]);
    expect(routePath("/v1/sandboxes/{id}/processes/{pid}/ws")).toBe("/v1/sandboxes/:id/processes/:pid/ws");
  });

  test("request ids are repeated only when that is safe", () => {
    expect(requestIdOf({ "x-request-id": "ok-1" })).toBe("ok-1");
    for (const bad of ["", "a b", "a\nb", "é", "x".repeat(129)])
      expect(requestIdOf({ "x-request-id": bad })).toMatch(/^[0-9a-f]{16}$/);
  });

  test("last lines and new text of a log that is cut at its beginning", () => {
    expect([
      lastLines("a\nb\nc\n", 2),
      lastLines("a\nb\nc", 2),
      lastLines("a", 0),
      lastLines("a\n", undefined),
    ]).toEqual(["b\nc\n", "b\nc", "", "a\n"]);
    expect(newText("abc", "abcdef")).toBe("def");
    const seen = "x".repeat(5000) + "tail";
    expect(newText(seen, `${seen.slice(100)}new`)).toBe("new");
    expect(newText("gone", "other")).toBe("other");
  });

  test("tasks of a key wait for each other, those of others do not, and a failure stops nobody", async () => {
    const queue = new KeyedQueue();
    const order: string[] = [];
    const task = (name: string, ms: number) => async () => {
      await new Promise((resolve) => setTimeout(resolve, ms));
      order.push(name);
      if (name.startsWith("fail")) throw new Error(name);
    };
    const all = [queue.run("a", task("fail a1", 30)), queue.run("a", task("a2", 1)), queue.run("b", task("b1", 1))];
    expect(queue.isIdle("a")).toBe(false);
    await Promise.allSettled(all);
    expect(order).toEqual(["b1", "fail a1", "a2"]);
    expect(queue.isIdle("a")).toBe(true);
  });

  test("what a host answers with is shown only where it was written for callers", () => {
    expect(fromHostReply(409, '{"error":"paused","code":"sandbox.invalid_state"}', undefined)).toMatchObject({
      name: "Refusal",
      code: "sandbox.invalid_state",
      message: "paused",
    });
    expect(fromHostReply(429, '{"error":"full","code":"capacity.unavailable"}', "7")).toMatchObject({
      retryAfterSeconds: 7,
    });
    for (const body of [
      "<html>",
      '{"error":"ENOENT /var/x","code":"internal.error"}',
      '{"error":"x","code":"toString"}',
      '{"code":"sandbox.not_found"}',
      "",
    ]) {
      expect(fromHostReply(500, body, undefined)).toMatchObject({ name: "Fault", message: "internal error" });
    }
  });
});

describe("settings", () => {
  const good = { DATABASE_URL: "postgres://x", PANDASTACK_HOST_SOCKET: "/s" };

  test("have defaults", () => {
    expect(readSettings(good)).toMatchObject({
      listen: { host: "127.0.0.1", port: 8080 },
      defaultTtlSeconds: 3600,
      defaultRuntime: "auto",
      apiKey: undefined,
      runAs: undefined,
      defaultRegistry: "docker.io",
    });
  });

  test("are read", () => {
    expect(
      readSettings({
        ...good,
        PANDASTACK_LISTEN: "[::1]:0",
        PANDASTACK_UID: "5",
        PANDASTACK_GID: "6",
        PANDASTACK_RUNTIME: "qemu",
        PANDASTACK_DEFAULT_TTL_SECONDS: "0",
        PANDASTACK_API_KEY: " k ",
      }),
    ).toMatchObject({
      listen: { host: "::1", port: 0 },
      runAs: { uid: 5, gid: 6 },
      defaultRuntime: "microvm",
      defaultTtlSeconds: 0,
      apiKey: "k",
    });
    expect(readSettings({ ...good, PANDASTACK_LISTEN: ":9" }).listen).toEqual({ host: "0.0.0.0", port: 9 });
    for (const [said, registry] of [
      ["none", undefined],
      ["registry.lan:5000/mirror", "registry.lan:5000/mirror"],
    ])
      expect(readSettings({ ...good, PANDASTACK_DEFAULT_REGISTRY: said }).defaultRegistry).toBe(registry);
    expect(() => readSettings({ ...good, PANDASTACK_DEFAULT_REGISTRY: "https://x" })).toThrow(/has to be a registry/);
  });

  test("say everything that is wrong with them at once", () => {
    expect(() =>
      readSettings({
        PANDASTACK_LISTEN: "nonsense",
        PANDASTACK_UID: "0",
        PANDASTACK_RUNTIME: "vmware",
        PANDASTACK_DEFAULT_TTL_SECONDS: "-1",
      }),
    ).toThrow(
      /PANDASTACK_LISTEN has to be host:port[\s\S]*PANDASTACK_UID has to be a whole number from 1 on[\s\S]*PANDASTACK_RUNTIME has to be one of auto, microvm, qemu, gvisor, fake[\s\S]*DATABASE_URL is not set[\s\S]*PANDASTACK_HOST_SOCKET is not set[\s\S]*PANDASTACK_DEFAULT_TTL_SECONDS/,
    );
    expect(() => readSettings({ ...good, PANDASTACK_UID: "5" })).toThrow(/go together/);
    expect(() => readSettings({ ...good, PANDASTACK_LISTEN: "h:99999" })).toThrow(/PANDASTACK_LISTEN/);
  });
});
