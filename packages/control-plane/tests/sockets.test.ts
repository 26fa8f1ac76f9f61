import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { waitFor } from "@pandastack/platform";
import { ADMIN_TOKEN, startTestServer, type TestServer } from "./support/server.ts";
import { TestSocket } from "./support/sockets.ts";

let server: TestServer;
let id: string;
let base: string;
beforeAll(async () => {
  server = await startTestServer();
  id = (await server.api("POST", "/v1/sandboxes")).body.id;
  base = `${server.url}/v1/sandboxes/${id}`;
});
afterAll(() => server.stop());

const lastProcess = () => server.host.state.sandbox(id).processes.at(-1)!;

describe("terminals", () => {
  test.each(["/exec/pty", "/ssh"])("%s: binary both ways, sizes, and a plain close at the end", async (path) => {
    const socket = await new TestSocket(`${base}${path}?rows=40&cols=120`).open();
    await socket.untilText("40x120 ");
    socket.socket.send(Buffer.from("ls\n"));
    await socket.untilText("LS\n");
    socket.socket.send(JSON.stringify({ resize: { rows: 50, cols: 90 } }));
    await socket.untilText("50x90");
    socket.socket.send(JSON.stringify({ type: "resize", rows: 51, cols: 91 }));
    await socket.untilText("51x91");
    socket.socket.send(JSON.stringify({ stdin: "typed" }));
    await socket.untilText("TYPED");
    socket.socket.send("plain text");
    await socket.untilText("PLAIN TEXT");
    socket.socket.send(Buffer.from("exit 7\n"));
    expect(await socket.untilClosed()).toEqual({ code: 1000, reason: "exit 7" });
    expect(socket.messages.every((message) => message.isBinary)).toBe(true);
  });

  test("an exit message for those who ask, or are known to understand it", async () => {
    for (const [query, headers] of [
      ["?protocol=text", {}],
      ["", { "user-agent": "Go-http-client/1.1" }],
    ] as const) {
      const socket = await new TestSocket(`${base}/ssh${query}`, {
        headers: { authorization: `Bearer ${ADMIN_TOKEN}`, ...headers },
      }).open();
      socket.socket.send(Buffer.from("exit 9\n"));
      await socket.untilClosed();
      expect(socket.json()).toEqual([{ exit: 9 }]);
    }
  });

  test("?cmd replaces the shell; the default is a login shell", async () => {
    const socket = await new TestSocket(`${base}/exec/pty?cmd=htop+-d+5`).open();
    await socket.untilText("htop -d 5");
    socket.socket.close();
    const shell = await new TestSocket(`${base}/exec/pty`).open();
    await shell.untilText("bash -li");
    shell.socket.close();
  });

  test("a lost connection hangs the shell up, unless it is to be kept", async () => {
    const socket = await new TestSocket(`${base}/exec/pty`).open();
    await socket.untilText("24x80");
    const process = lastProcess();
    socket.socket.terminate();
    await waitFor(() => !process.running, { timeoutMs: 10_000, message: "the shell lives on" });
    const kept = await new TestSocket(`${base}/exec/pty?keep=1`).open();
    await kept.untilText("24x80");
    const keptProcess = lastProcess();
    kept.socket.terminate();
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(keptProcess.running).toBe(true);
  });

  test("token in the query, or in a subprotocol of which the first is agreed to", async () => {
    const query = await new TestSocket(`${base}/ssh?access_token=${ADMIN_TOKEN}`, { headers: {} }).open();
    query.socket.close();
    const protocol = await new TestSocket(`${base}/exec/pty`, {
      headers: {},
      protocols: ["pds-pty", `bearer.${ADMIN_TOKEN}`],
    }).open();
    expect(protocol.socket.protocol).toBe("pds-pty");
    protocol.socket.close();
  });

  test("refusals come as HTTP, before the upgrade", async () => {
    expect(await new TestSocket(`${base}/ssh`, { headers: {} }).refused()).toMatchObject({
      status: 401,
      body: { code: "auth.missing_token" },
    });
    expect(await new TestSocket(`${server.url}/v1/sandboxes/${"a".repeat(20)}/ssh`).refused()).toMatchObject({
      status: 404,
      body: { code: "sandbox.not_found" },
    });
    expect(await new TestSocket(`${base}/exec/pty?rows=0`).refused()).toMatchObject({
      status: 400,
      body: { error: expect.stringMatching(/^rows: /) },
    });
    const paused = (await server.api("POST", "/v1/sandboxes")).body.id;
    await server.api("POST", `/v1/sandboxes/${paused}/pause`);
    expect(await new TestSocket(`${server.url}/v1/sandboxes/${paused}/exec/pty`).refused()).toMatchObject({
      status: 409,
      body: { code: "sandbox.invalid_state" },
    });
    expect(await server.api("GET", `/v1/sandboxes/${id}/ssh`)).toMatchObject({
      status: 426,
      body: { code: "route.websocket_only" },
    });
  });

  test("wakes a hibernated sandbox, and is activity while it lasts", async () => {
    const other = (await server.api("POST", "/v1/sandboxes")).body.id;
    await server.api("POST", `/v1/sandboxes/${other}/hibernate`);
    const socket = await new TestSocket(`${server.url}/v1/sandboxes/${other}/ssh`).open();
    await socket.untilText("24x80");
    expect(server.controlPlane.parts.activity.ongoing()).toContain(other);
    socket.socket.close();
    await waitFor(() => !server.controlPlane.parts.activity.ongoing().includes(other), {
      timeoutMs: 10_000,
      message: "still counted",
    });
  });
});

describe("exec/ws", () => {
  test("many commands in flight, each with its own id", async () => {
    const socket = await new TestSocket(`${base}/exec/ws`).open();
    const exits = (count: number) =>
      socket.until(() => socket.json().filter((message) => "exit" in message).length === count, `${count} exits`);
    socket.socket.send(JSON.stringify({ id: "a", cmd: "echo slow; sleep 60" }));
    await socket.untilText("slow");
    socket.socket.send(JSON.stringify({ id: 2, cmd: "echo fast; stderr e" }));
    await exits(1);
    socket.socket.send(JSON.stringify({ id: "c", cmd: "exit 1" }));
    await exits(2);
    socket.socket.send(JSON.stringify({ id: "a", cancel: true }));
    await exits(3);
    expect(socket.json()).toEqual([
      { id: "a", stream: "stdout", data: "slow\n" },
      { id: 2, stream: "stdout", data: "fast\n" },
      { id: 2, stream: "stderr", data: "e\n" },
      { id: 2, exit: 0, signal: null },
      { id: "c", exit: 1, signal: null },
      { id: "a", exit: 137, signal: "SIGKILL" },
    ]);
    socket.socket.close();
  });

  test("cancel kills; a timeout and nonsense are errors", async () => {
    const socket = await new TestSocket(`${base}/exec/ws`).open();
    socket.socket.send(JSON.stringify({ id: "long", cmd: "sleep 30" }));
    socket.socket.send(JSON.stringify({ id: "late", cmd: "sleep 30", timeout_seconds: 0.2 }));
    socket.socket.send("nonsense");
    await socket.until(() => socket.json().some((message) => message.id === "late"), "a timeout");
    socket.socket.send(JSON.stringify({ id: "long", cancel: true }));
    await socket.until(() => socket.json().some((message) => message.id === "long"), "an exit");
    expect(socket.json()).toContainEqual({
      id: "late",
      error: "command timeout after 0.2s",
      code: "exec.timeout",
      exit: 124,
    });
    expect(socket.json()).toContainEqual({ id: "long", exit: 137, signal: "SIGKILL" });
    expect(socket.json()).toContainEqual({ error: expect.stringContaining("{id, cmd"), code: "validation.failed" });
    socket.socket.close();
  });
});

describe("processes/connect", () => {
  test("starts a command with its streams", async () => {
    const socket = await new TestSocket(`${base}/processes/connect`).open();
    socket.socket.send(JSON.stringify({ exec: { argv: ["cat"], stdin: true } }));
    socket.socket.send(Buffer.from("to stdin"));
    await socket.untilText("TO STDIN");
    expect(socket.messages[0]).toMatchObject({ isBinary: false });
    expect(lastProcess()).toMatchObject({ argv: ["cat"], user: "root", stdin: true });
    socket.socket.send(JSON.stringify({ end_stdin: true }));
    await socket.untilClosed();
    expect(socket.json().at(-1)).toEqual({ result: { exit_code: 0, signal: null, timed_out: false, duration_ms: 1 } });
  });

  test("attaches by id and by pid; an unknown one is said", async () => {
    const { body } = await server.api("POST", `/v1/sandboxes/${id}/exec`, { cmd: "sleep 30", detach: true });
    const byPid = await new TestSocket(`${base}/processes/${body.pid}/ws`).open();
    await byPid.untilText("replay");
    byPid.socket.close();
    const byId = await new TestSocket(`${base}/processes/connect`).open();
    byId.socket.send(JSON.stringify({ attach: { id: body.pid } }));
    await byId.untilText("replay");
    byId.socket.close();
    expect(await new TestSocket(`${base}/processes/none/ws`).refused()).toMatchObject({
      status: 404,
      body: { code: "process.not_found" },
    });
    const unknown = await new TestSocket(`${base}/processes/connect`).open();
    unknown.socket.send(JSON.stringify({ attach: { id: "none" } }));
    await unknown.untilClosed();
    expect(unknown.json()[0]).toMatchObject({ code: "process.not_found" });
    const wrong = await new TestSocket(`${base}/processes/connect`).open();
    wrong.socket.send(JSON.stringify({ exec: { cmd: "a", argv: ["b"] } }));
    expect((await wrong.untilClosed()).code).toBe(1008);
  });
});
