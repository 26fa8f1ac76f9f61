import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { EXEC_OUTPUT_LIMIT_BYTES } from "@pandastack/contracts";
import { waitFor } from "@pandastack/platform";
import { startTestServer, type TestServer } from "./support/server.ts";
import { collect, openStream, readEvents } from "./support/server-sent-events.ts";

let server: TestServer;
let id: string;
beforeAll(async () => {
  server = await startTestServer();
  id = (await server.api("POST", "/v1/sandboxes", { env: { BASE: "b" } })).body.id;
});
afterAll(() => server.stop());

const exec = (body: unknown) => server.api("POST", `/v1/sandboxes/${id}/exec`, body);

describe("exec", () => {
  test("stdout, stderr, exit code, duration", async () => {
    const reply = await exec({ cmd: "echo out; stderr err; exit 3" });
    expect(reply).toMatchObject({
      status: 200,
      body: {
        stdout: "out\n",
        stderr: "err\n",
        exit_code: 3,
        signal: null,
        stdout_truncated: false,
        stderr_truncated: false,
      },
    });
    expect(reply.body.duration_ms).toBeGreaterThanOrEqual(0);
  });

  test("a command that is not found is exit code 127", async () => {
    expect(await exec({ cmd: "nosuchcommand" })).toMatchObject({
      status: 200,
      body: { exit_code: 127, stderr: expect.stringContaining("not found") },
    });
  });

  test("runs as root unless it says otherwise; env, cwd and tag are passed", async () => {
    await exec({ cmd: "echo a", env: { E: "1" }, cwd: "/tmp", tag: "mine" });
    expect(server.host.state.sandbox(id).processes.at(-1)).toMatchObject({ user: "root", cwd: "/tmp", tag: "mine" });
    await exec({ cmd: "echo a", user: "user" });
    expect(server.host.state.sandbox(id).processes.at(-1)).toMatchObject({ user: "user" });
    expect((await exec({ cmd: "env E;env BASE", env: { E: "1" } })).body.stdout).toBe("1\nb\n");
    expect(await exec({ cmd: "true", user: "nobody-here" })).toMatchObject({
      status: 400,
      body: { code: "guest.user_not_found" },
    });
  });

  test("a timeout kills, and is a 504 that the published client knows as one", async () => {
    const reply = await exec({ cmd: "echo before; sleep 30", timeout_seconds: 0.2 });
    expect(reply).toMatchObject({
      status: 504,
      body: {
        error: "command timeout after 0.2s",
        code: "exec.timeout",
        retryable: false,
        exit_code: 124,
        stdout: "before\n",
        stderr: "",
        request_id: expect.any(String),
      },
    });
  });

  test("output beyond the limit is dropped, and said to be", async () => {
    const reply = await exec({ cmd: `spew ${EXEC_OUTPUT_LIMIT_BYTES + 1}; stderr fine` });
    expect(reply.body.stdout.length).toBe(EXEC_OUTPUT_LIMIT_BYTES);
    expect(reply.body).toMatchObject({
      stdout_truncated: true,
      stderr_truncated: false,
      stderr: "fine\n",
      exit_code: 0,
    });
  });

  test("detached: answers at once, and the process is listed, can be signalled and watched", async () => {
    const reply = await exec({ cmd: "sleep 30", detach: true, tag: "bg" });
    expect(reply).toMatchObject({
      status: 202,
      body: { id: expect.any(String), pid: expect.any(Number), detached: true },
    });
    const { processes } = (await server.api("GET", `/v1/sandboxes/${id}/processes`)).body;
    expect(processes.find((process: { id: string }) => process.id === reply.body.id)).toMatchObject({
      running: true,
      tag: "bg",
      shell: "sleep 30",
    });
    expect((await server.api("GET", `/v1/sandboxes/${id}/processes/${reply.body.pid}`)).body).toMatchObject({
      id: reply.body.id,
    });
    const events = collect(
      readEvents(await openStream(`${server.url}/v1/sandboxes/${id}/processes/${reply.body.id}/stream`)),
    );
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(
      (await server.api("POST", `/v1/sandboxes/${id}/processes/${reply.body.id}/signal`, { signal: "TERM" })).status,
    ).toBe(204);
    expect(await events).toEqual([
      { event: "stdout", data: { chunk: "replay" } },
      { event: "exit", data: { exit_code: 143, signal: "SIGTERM", duration_ms: 1 } },
    ]);
    await waitFor(
      async () => (await server.api("GET", `/v1/sandboxes/${id}/processes/${reply.body.id}`)).body.running === false,
      { timeoutMs: 10_000, message: "still running" },
    );
    expect(await server.api("POST", `/v1/sandboxes/${id}/processes/${reply.body.id}/signal`)).toMatchObject({
      status: 404,
      body: { code: "process.not_found" },
    });
    expect(await server.api("GET", `/v1/sandboxes/${id}/processes/none`)).toMatchObject({
      status: 404,
      body: { code: "process.not_found" },
    });
  });

  test.each([
    [{}, /^cmd: /],
    [undefined, /^body: /],
    [{ cmd: 5 }, /^cmd: /],
    [{ cmd: "" }, /^cmd: /],
    [{ cmd: "echo \0" }, /^cmd: .*NUL/],
    [{ cmd: "true", timeout_seconds: -1 }, /^timeout_seconds: /],
    [{ cmd: "true", timeout_seconds: "5" }, /^timeout_seconds: /],
    [{ cmd: "true", cwd: "/a\0b" }, /^cwd: .*NUL/],
    [{ cmd: "true", env: { A: 5 } }, /^env\.A: /],
    [{ cmd: "true", env: { A: "x\0" } }, /^env\.A: /],
  ])("refuses %j", async (body, text) => {
    expect(await exec(body)).toMatchObject({
      status: 400,
      body: { code: "validation.failed", error: expect.stringMatching(text) },
    });
  });

  test("a caller that goes away leaves the command running, and nothing of it behind here", async () => {
    const controller = new AbortController();
    const call = fetch(`${server.url}/v1/sandboxes/${id}/exec`, {
      method: "POST",
      headers: { authorization: `Bearer ${"pds_" + "0".repeat(32)}` },
      body: JSON.stringify({ cmd: "sleep 0.5", tag: "left" }),
      signal: controller.signal,
    });
    const left = () => server.host.state.sandbox(id).processes.find((process) => process.tag === "left");
    await waitFor(() => left() !== undefined, { timeoutMs: 10_000, message: "not started" });
    controller.abort();
    await expect(call).rejects.toThrow();
    await waitFor(() => left()?.running === false, { timeoutMs: 10_000, message: "not ended" });
    expect(left()?.exit_code).toBe(0);
    await waitFor(() => !server.controlPlane.parts.activity.ongoing().includes(id), {
      timeoutMs: 10_000,
      message: "still counted as activity",
    });
  });
});

describe("exec/stream", () => {
  const stream = (body: unknown, signal?: AbortSignal) =>
    openStream(`${server.url}/v1/sandboxes/${id}/exec/stream`, body, signal);

  test("frames as the contract has them", async () => {
    const response = await stream({ cmd: "echo out; stderr err; exit 4" });
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    const processId = response.headers.get("x-pandastack-process");
    expect(server.host.state.sandbox(id).processes.at(-1)?.id).toBe(processId);
    expect(await collect(readEvents(response))).toEqual([
      { event: "stdout", data: { chunk: "out\n" } },
      { event: "stderr", data: { chunk: "err\n" } },
      { event: "exit", data: { exit_code: 4, signal: null, duration_ms: expect.any(Number) } },
    ]);
  });

  test("the raw text: LF only, a comment first", async () => {
    const text = await (await stream({ cmd: "echo event: done" })).text();
    expect(text.startsWith(": ok\n\nevent: stdout\ndata: {")).toBe(true);
    expect(text).not.toContain("\r");
    expect(text.endsWith("\n\n")).toBe(true);
    expect(text).not.toContain("event: done");
    expect(JSON.parse(text.split("\n\n")[1]!.split("data: ")[1]!)).toEqual({ chunk: "event: done\n" });
  });

  test("output comes while the command runs", async () => {
    const caller = new AbortController();
    const events = readEvents(await stream({ cmd: "echo first; sleep 50; echo second" }, caller.signal));
    expect((await events.next()).value).toEqual({ event: "stdout", data: { chunk: "first\n" } });
    expect(server.host.state.sandbox(id).processes.at(-1)).toMatchObject({ running: true });
    caller.abort();
  });

  test("characters that arrive byte by byte are not broken", async () => {
    const text = "pandą 🐼";
    const events = await collect(readEvents(await stream({ cmd: `bytes ${Buffer.from(text).toString("hex")}` })));
    expect(
      events
        .filter(({ event }) => event === "stdout")
        .map(({ data }) => data.chunk)
        .join(""),
    ).toBe(text);
    const cut = await collect(readEvents(await stream({ cmd: "bytes f09f90" })));
    expect(cut[0]).toEqual({ event: "stdout", data: { chunk: "\ufffd" } });
  });

  test("a timeout is an error event with the word in it", async () => {
    const events = await collect(readEvents(await stream({ cmd: "sleep 10", timeout_seconds: 1 })));
    expect(events).toEqual([
      {
        event: "error",
        data: {
          error: "command timeout after 1s",
          code: "exec.timeout",
          exit_code: 124,
          duration_ms: expect.any(Number),
        },
      },
    ]);
  });

  test("what goes wrong before the start is a status", async () => {
    const reply = await stream({ cmd: "true", user: "nobody-here" });
    expect(reply.status).toBe(400);
    expect(await reply.json()).toMatchObject({ code: "guest.user_not_found" });
  });

  test("a slow reader slows the command, not the server", async () => {
    const response = await stream({ cmd: "spew 200000000" });
    const reader = response.body!.getReader();
    await reader.read();
    const before = process.memoryUsage().rss;
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(process.memoryUsage().rss - before).toBeLessThan(60 * 1024 * 1024);
    await reader.cancel();
  });

  test("a reader that goes away leaves the process and nothing else", async () => {
    const controller = new AbortController();
    const response = await stream({ cmd: "tick 5 100", tag: "gone" }, controller.signal);
    for await (const { event } of readEvents(response)) {
      if (event === "stdout") break;
    }
    controller.abort();
    const gone = () => server.host.state.sandbox(id).processes.find((process) => process.tag === "gone");
    await waitFor(() => !server.controlPlane.parts.activity.ongoing().includes(id), {
      timeoutMs: 10_000,
      message: "still counted as activity",
    });
    await waitFor(() => gone()?.running === false, { timeoutMs: 10_000, message: "not ended" });
    expect(gone()?.exit_code).toBe(0);
  });

  test("300 streams at once", async () => {
    const all = await Promise.all(
      Array.from({ length: 300 }, async (_, index) =>
        collect(readEvents(await stream({ cmd: `echo ${index}; sleep 0.3; exit ${index % 7}` }))),
      ),
    );
    all.forEach((events, index) => {
      expect(events[0]?.data.chunk).toBe(`${index}\n`);
      expect(events.at(-1)?.data.exit_code).toBe(index % 7);
    });
  });

  test("a host that dies under a stream is an error event", async () => {
    const dying = await startTestServer();
    try {
      const { body } = await dying.api("POST", "/v1/sandboxes");
      const response = await openStream(`${dying.url}/v1/sandboxes/${body.id}/exec/stream`, { cmd: "tick 50 100" });
      const events = readEvents(response);
      await events.next();
      await dying.host.kill();
      const rest = await collect(events);
      expect(rest.at(-1)).toMatchObject({ event: "error", data: { code: "host.unavailable" } });
    } finally {
      await dying.stop();
    }
  });
});
