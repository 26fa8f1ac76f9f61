import { createServer } from "node:http";
import { expect, it, onTestFinished } from "vitest";
import { WebSocketServer, type WebSocket } from "ws";
import { AuthError, ConnectionError, PandaStack, type Command, TimeoutError } from "../src/index.ts";

const id = "a".repeat(20);

/** A server whose process sockets do what `script` says once the opening message is there. */
async function processOn(script: (socket: WebSocket, opening: unknown) => void): Promise<Command> {
  const server = createServer((_, response) =>
    response.setHeader("content-type", "application/json").end(JSON.stringify({ id })),
  );
  const sockets = new WebSocketServer({ server });
  sockets.on("connection", (socket) =>
    socket.once("message", (data) => script(socket, JSON.parse((data as Buffer).toString()))),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    sockets.close();
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as { port: number };
  const sandbox = await new PandaStack({ apiUrl: `http://127.0.0.1:${port}`, token: "pds_x" }).sandboxes.get(id);
  return sandbox.commands.start("cmd", { env: { A: "1" }, timeoutMs: 2_000, stdin: true });
}

const started = JSON.stringify({ event: "started", id: "p1", pid: 7 });
const ended = (result: object) =>
  JSON.stringify({ result: { exit_code: 0, signal: null, timed_out: false, duration_ms: 1, ...result } });

async function read(remote: Command): Promise<string> {
  let text = "";
  for await (const { type, data } of remote.output()) text += `${type}:${Buffer.from(data).toString()};`;
  return text;
}

it("says what to start, and tells the channels apart", async () => {
  let opening: unknown;
  const remote = await processOn((socket, first) => {
    opening = first;
    // All at once: nothing may be lost before the caller reads.
    socket.send(started);
    socket.send(Buffer.from("\u0001out"));
    socket.send(Buffer.from("\u0002err"));
    socket.send(ended({ exit_code: 130, signal: "SIGINT" }));
    socket.close();
  });
  expect(opening).toEqual({ exec: { cmd: "cmd", env: { A: "1" }, timeout_seconds: 2, stdin: true } });
  expect(remote).toMatchObject({ id: "p1", pid: 7 });
  expect(await read(remote)).toBe("stdout:out;stderr:err;");
  expect(await remote.exit()).toEqual({ exitCode: 130, signal: "SIGINT" });
});

it("sends input and its end", async () => {
  const got: string[] = [];
  const remote = await processOn((socket) => {
    socket.on("message", (data, isBinary) => {
      got.push(isBinary ? `bytes ${(data as Buffer).toString()}` : (data as Buffer).toString());
      if (got.length === 2) socket.send(ended({}));
    });
    socket.send(started);
  });
  await remote.write("in");
  await remote.closeStdin();
  await read(remote);
  expect(got).toEqual(["bytes in", '{"end_stdin":true}']);
});

it("tells a timeout, a refusal and a broken connection", async () => {
  const late = await processOn((socket) =>
    [started, ended({ exit_code: 124, timed_out: true })].forEach((text) => socket.send(text)),
  );
  await expect(read(late)).rejects.toBeInstanceOf(TimeoutError);
  await expect(late.exit()).rejects.toMatchObject({ code: "exec.timeout" });
  await expect(
    processOn((socket) => socket.send('{"error":"who?","code":"guest.user_not_found"}')),
  ).rejects.toMatchObject({ code: "guest.user_not_found", message: "who?" });
  const cut = await processOn((socket) => {
    socket.send(started);
    socket.close();
  });
  await expect(read(cut)).rejects.toBeInstanceOf(ConnectionError);
});

it("gives the reason where the server refuses the socket", async () => {
  const server = createServer((_, response) => response.end(JSON.stringify({ id })));
  server.on("upgrade", (_, socket) => {
    const body = '{"error":"no such token","code":"auth.invalid_token","retryable":false}';
    socket.end(`HTTP/1.1 401 Unauthorized\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as { port: number };
  const sandbox = await new PandaStack({ apiUrl: `http://127.0.0.1:${port}` }).sandboxes.get(id);
  const error: unknown = await sandbox.pty.create().catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(AuthError);
  expect(error).toMatchObject({ code: "auth.invalid_token", status: 401, message: "no such token" });
});
