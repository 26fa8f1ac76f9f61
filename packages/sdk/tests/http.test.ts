import { describe, expect, it } from "vitest";
import {
  ConflictError,
  ConnectionError,
  NotFoundError,
  PandaStack,
  PandaStackError,
  Sandbox,
  TimeoutError,
} from "../src/index.ts";
import { fakeServer, sendJson } from "./support.ts";

const info = { id: "a".repeat(20), status: "running", template: "base" };

describe("requests", () => {
  it("sends token, body and an idempotency key with a create", async () => {
    const { url, seen } = await fakeServer((_, response) => sendJson(response, 201, info));
    const sandbox = await Sandbox.create({ ttlSeconds: 5, env: { A: "1" } }, { apiUrl: `${url}/`, token: "pds_x" });
    expect(sandbox.id).toBe(info.id);
    expect(seen[0]).toMatchObject({ method: "POST", url: "/v1/sandboxes", body: '{"ttl_seconds":5,"env":{"A":"1"}}' });
    expect(seen[0]?.headers).toMatchObject({
      authorization: "Bearer pds_x",
      "idempotency-key": expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
  });

  it("asks again with the same key when told that it may", async () => {
    const { url, seen } = await fakeServer((_, response, count) =>
      count === 1
        ? sendJson(
            response,
            429,
            { error: "full", code: "capacity.unavailable", retryable: true },
            { "retry-after": "0" },
          )
        : sendJson(response, 201, info),
    );
    await Sandbox.create({}, { apiUrl: url });
    expect(seen).toHaveLength(2);
    expect(seen[0]?.headers["idempotency-key"]).toBe(seen[1]?.headers["idempotency-key"]);
  });

  it("asks once where repeating could do harm", async () => {
    const { url, seen } = await fakeServer((_, response) =>
      sendJson(response, 503, { error: "away", code: "host.unavailable", retryable: true }),
    );
    await expect(new PandaStack({ apiUrl: url }).request("POST", "/sandboxes/x/pause")).rejects.toMatchObject({
      code: "host.unavailable",
      retryable: true,
    });
    expect(seen).toHaveLength(1);
  });

  it.each([
    [404, "sandbox.not_found", NotFoundError],
    [409, "sandbox.invalid_state", ConflictError],
    [504, "exec.timeout", TimeoutError],
    [400, "validation.failed", PandaStackError],
  ])("answers %i %s with its class", async (status, code, type) => {
    const { url } = await fakeServer((_, response) =>
      sendJson(response, status, { error: "because", code, request_id: "r1", retryable: false }),
    );
    const error: PandaStackError = await new PandaStack({ apiUrl: url }).request("GET", "/me").then(
      () => expect.fail("it should have failed"),
      (thrown) => thrown,
    );
    expect(error).toBeInstanceOf(type);
    expect(error).toMatchObject({ message: "because", code, status, requestId: "r1", retryable: false });
  });

  it("names what is wrong with a server that is not there, or not ours", async () => {
    await expect(new PandaStack({ apiUrl: "http://127.0.0.1:64999" }).request("POST", "/me")).rejects.toThrow(
      /cannot reach PandaStack at http:\/\/127.0.0.1:64999: .*ECONNREFUSED/,
    );
    const { url } = await fakeServer((_, response) => response.end("<html>"));
    await expect(new PandaStack({ apiUrl: url }).request("GET", "/me")).rejects.toBeInstanceOf(ConnectionError);
  });

  it("gives up after its timeout, and at once when aborted", async () => {
    const { url } = await fakeServer(() => undefined);
    const panda = new PandaStack({ apiUrl: url });
    await expect(panda.request("GET", "/me", undefined, { timeoutMs: 20 })).rejects.toBeInstanceOf(TimeoutError);
    await expect(
      panda.request("GET", "/me", undefined, { signal: AbortSignal.abort(new Error("enough")) }),
    ).rejects.toThrow("enough");
  });

  it("makes all children of a fork or none", async () => {
    const child = { ...info, id: "b".repeat(20) };
    const { url, seen } = await fakeServer(({ method }, response) =>
      method === "DELETE"
        ? response.writeHead(204).end()
        : method === "GET"
          ? sendJson(response, 200, info)
          : sendJson(response, 201, {
              children: [child],
              errors: [{ index: 1, error: "no memory", err: "no memory", code: "capacity.insufficient_memory" }],
            }),
    );
    const sandbox = await Sandbox.get(info.id, {}, { baseUrl: url });
    await expect(sandbox.fork(2)).rejects.toMatchObject({ code: "capacity.insufficient_memory", message: "no memory" });
    expect(seen.at(-1)).toMatchObject({ method: "DELETE", url: `/v1/sandboxes/${child.id}` });
  });
});
