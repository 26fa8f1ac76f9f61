import { Readable } from "node:stream";
import { request } from "undici";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { waitFor } from "@pandastack/platform";
import { ADMIN_TOKEN, startTestServer, type TestServer } from "./support/server.ts";
import { openStream, readEvents } from "./support/server-sent-events.ts";

let server: TestServer;
let base: string;
let path: string;
beforeAll(async () => {
  server = await startTestServer();
  const { body } = await server.api("POST", "/v1/sandboxes");
  path = `/v1/sandboxes/${body.id}`;
  base = server.url + path;
});
afterAll(() => server.stop());

/** Far more than the memory that it may take. `PANDASTACK_TEST_HUGE_BYTES` makes it more, up to what has patience. */
const HUGE = Number(process.env["PANDASTACK_TEST_HUGE_BYTES"] ?? 384 * 1024 * 1024);
const authorization = `Bearer ${ADMIN_TOKEN}`;

/** Bytes that exist only while they are passed on. */
async function* blocks(bytes: number): AsyncGenerator<Buffer> {
  const block = Buffer.alloc(256 * 1024, "b");
  for (let left = bytes; left > 0; left -= block.length) yield block.subarray(0, Math.min(left, block.length));
}

describe("reading and writing", () => {
  test("bytes come back as they went, with spaces as + in the path", async () => {
    const bytes = Buffer.from([0, 255, 1, 254, 10, 13]);
    const put = await fetch(`${base}/fs?path=/tmp/my+file`, {
      method: "PUT",
      headers: { authorization, "content-type": "application/octet-stream" },
      body: bytes,
    });
    expect(await put.json()).toEqual({ path: "/tmp/my file", bytes: 6 });
    const get = await fetch(`${base}/fs?path=%2Ftmp%2Fmy%20file`, { headers: { authorization } });
    expect(get.headers.get("content-type")).toBe("application/octet-stream");
    expect(get.headers.get("content-length")).toBe("6");
    expect(get.headers.get("content-security-policy")).toContain("sandbox");
    expect(get.headers.get("x-content-type-options")).toBe("nosniff");
    expect(Buffer.from(await get.arrayBuffer())).toEqual(bytes);
  });

  test("an empty file, a part of a file, more at its end", async () => {
    expect((await server.api("PUT", `${path}/fs?path=/empty`)).body).toEqual({ path: "/empty", bytes: 0 });
    expect((await server.api("GET", `${path}/fs?path=/empty`)).body).toBe("");
    await server.api("PUT", `${path}/fs?path=/n`, "0123456789");
    expect((await server.api("GET", `${path}/fs?path=/n&offset=3&length=4`)).body).toBe("3456");
    await server.api("PUT", `${path}/fs?path=/n&append=1`, "ab");
    expect((await server.api("GET", `${path}/fs?path=/n&offset=8`)).body).toBe("89ab");
  });

  test(".. is resolved; a relative path is root's", async () => {
    await server.api("PUT", `${path}/fs?path=/a/b/../c`, "dots");
    expect((await server.api("GET", `${path}/fs?path=/a/c`)).body).toBe("dots");
    await server.api("PUT", `${path}/fs?path=notes.txt`, "home");
    expect((await server.api("GET", `${path}/fs?path=/root/notes.txt`)).body).toBe("home");
  });

  test("a huge file up and down in flat memory", async () => {
    const before = process.memoryUsage().rss;
    let peak = 0;
    const timer = setInterval(() => (peak = Math.max(peak, process.memoryUsage().rss)), 20);
    const put = await request(`${base}/fs?path=/dev/null`, {
      method: "PUT",
      headers: { authorization },
      body: Readable.from(blocks(HUGE)),
    });
    expect(await put.body.json()).toEqual({ path: "/dev/null", bytes: HUGE });
    const get = await request(`${base}/fs?path=/dev/endless&length=${HUGE}`, { headers: { authorization } });
    let bytes = 0;
    for await (const chunk of get.body) bytes += (chunk as Buffer).length;
    clearInterval(timer);
    expect(bytes).toBe(HUGE);
    expect(peak - before).toBeLessThan(150 * 1024 * 1024);
  }, 600_000);

  test("a slow guest slows the sender: nothing piles up in between", async () => {
    server.host.uploadDelayMs = 50;
    let sent = 0;
    const source = async function* () {
      for await (const block of blocks(64 * 1024 * 1024)) {
        sent += block.length;
        yield block;
      }
    };
    const controller = new AbortController();
    const put = request(`${base}/fs?path=/dev/null`, {
      method: "PUT",
      headers: { authorization },
      body: Readable.from(source()),
      signal: controller.signal,
    });
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(sent).toBeLessThan(16 * 1024 * 1024);
    controller.abort();
    await expect(put).rejects.toThrow();
    server.host.uploadDelayMs = 0;
    await waitFor(() => server.controlPlane.parts.activity.ongoing().length === 0, {
      timeoutMs: 10_000,
      message: "still counted as activity",
    });
  });

  test("an upload that is refused early is told so", async () => {
    const put = await request(`${base}/fs?path=/full`, {
      method: "PUT",
      headers: { authorization },
      body: Readable.from(blocks(8 * 1024 * 1024)),
    });
    expect(put.statusCode).toBe(507);
    expect(await put.body.json()).toMatchObject({ code: "file.no_space" });
  });
});

describe("folders and entries", () => {
  test("list, stat, and what is missing", async () => {
    await server.api("PUT", `${path}/fs?path=/list/one.txt`, "1");
    await server.api("POST", `${path}/fs/mkdir`, { path: "/list/sub", mode: "755" });
    const list = await server.api("GET", `${path}/fs/dir?path=/list`);
    expect(list.body.path).toBe("/list");
    expect(list.body.entries).toEqual([
      expect.objectContaining({ name: "one.txt", path: "/list/one.txt", is_dir: false, size: 1, mode: "-rw-r--r--" }),
      expect.objectContaining({ name: "sub", is_dir: true, mode: "drwxr-xr-x" }),
    ]);
    expect(Number.isInteger(list.body.entries[0].mtime)).toBe(true);
    expect((await server.api("GET", `${path}/fs/dir`)).body.path).toBe("/");
    expect((await server.api("GET", `${path}/fs/dir?path=/big`)).body.entries).toHaveLength(5000);
    expect((await server.api("GET", `${path}/fs/stat?path=/list`)).body).toMatchObject({ name: "list", is_dir: true });
    for (const route of ["/fs?path=/none", "/fs/stat?path=/none", "/fs/dir?path=/none"]) {
      expect(await server.api("GET", path + route)).toMatchObject({ status: 404, body: { code: "file.not_found" } });
    }
    expect(await server.api("GET", `${path}/fs/dir?path=/list/one.txt`)).toMatchObject({
      status: 400,
      body: { code: "file.not_a_directory" },
    });
    expect(await server.api("GET", `${path}/fs?path=/list`)).toMatchObject({
      status: 400,
      body: { code: "file.is_a_directory" },
    });
  });

  test("move, chmod, chown, remove", async () => {
    await server.api("PUT", `${path}/fs?path=/m/a`, "x");
    expect((await server.api("POST", `${path}/fs/move`, { from: "/m/a", to: "/m/b" })).status).toBe(204);
    expect((await server.api("POST", `${path}/fs/chmod`, { path: "/m/b", mode: "600" })).status).toBe(204);
    expect((await server.api("POST", `${path}/fs/chmod`, { path: "/m/b", mode: 0o640 })).status).toBe(204);
    expect((await server.api("POST", `${path}/fs/chown`, { path: "/m/b", user: "user" })).status).toBe(204);
    expect(await server.api("DELETE", `${path}/fs?path=/m`)).toMatchObject({
      status: 409,
      body: { code: "file.directory_not_empty" },
    });
    expect((await server.api("DELETE", `${path}/fs?path=/m&recursive=1`)).status).toBe(204);
    expect(await server.api("DELETE", `${path}/fs?path=/m/b`)).toMatchObject({ status: 404 });
  });

  test("watch says what happens", async () => {
    const controller = new AbortController();
    const events = readEvents(await openStream(`${base}/fs/watch?path=/w&recursive=1`, undefined, controller.signal));
    expect((await events.next()).value).toEqual({ event: "ready", data: {} });
    expect((await events.next()).value).toEqual({
      event: "change",
      data: { kind: "create", path: "/w/new", is_dir: false },
    });
    controller.abort();
  });

  test.each([
    ["GET", "/fs", /^path: /],
    ["GET", "/fs?path=", /^path: /],
    ["GET", "/fs?path=/a%00b", /^path: .*NUL/],
    ["PUT", "/fs?path=/a%00b", /^path: .*NUL/],
    ["GET", "/fs/dir?path=%00", /^path: .*NUL/],
    ["GET", "/fs/stat?path=/%00", /^path: .*NUL/],
    ["GET", `/fs?path=/${"a".repeat(5000)}`, /^path: /],
    ["GET", "/fs?path=/a&offset=-1", /^offset: /],
    ["PUT", "/fs?path=/a&mode=999", /^mode: .*octal/],
    ["GET", "/fs/dir?path=/&depth=99", /^depth: /],
  ])("refuses %s %s", async (method, route, text) => {
    expect(await server.api(method, path + route)).toMatchObject({
      status: 400,
      body: { code: "validation.failed", error: expect.stringMatching(text) },
    });
  });

  test("a NUL in a body's path too", async () => {
    expect(await server.api("POST", `${path}/fs/move`, { from: "/a\0", to: "/b" })).toMatchObject({
      status: 400,
      body: { error: expect.stringMatching(/^from: .*NUL/) },
    });
    expect(await server.api("POST", `${path}/fs/mkdir`, {})).toMatchObject({
      status: 400,
      body: { error: expect.stringMatching(/^path: /) },
    });
  });
});
