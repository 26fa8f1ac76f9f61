import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { WebSocketServer } from "ws";
import { Refusal, toErrorResponse, Fault } from "@pandastack/platform";
import {
  encodeExecFrame,
  ExecFrameKind,
  ExecRequest,
  FsOperation,
  HostOperation,
  type HostCommandName,
} from "@pandastack/contracts/host";
import { figuresOf } from "./figures.ts";
import { drained, readText } from "./bodies.ts";
import { requireUser, runCommand, StandInProcess } from "./commands.ts";
import { sendEndless } from "./endless.ts";
import { serveProcess } from "./process-socket.ts";
import { entryOf, fileOperation, listFiles, readFile, writeFile } from "./files.ts";
import { StandInPorts } from "./ports.ts";
import { type Script, waitOrRefuse } from "./script.ts";
import { StandInState, type StandInSandbox } from "./state.ts";

/** The host agent's HTTP API on a Unix socket, with nothing behind it. It can be stopped and started: its state is its journal. */
export class StandInHost {
  readonly folder = mkdtempSync("/tmp/pandastack-test-host-");
  readonly socketPath = join(this.folder, "host.sock");
  readonly state = new StandInState();
  /** Servers inside. */
  readonly ports = new StandInPorts();
  readonly requests: string[] = [];
  readonly processes = new Map<string, StandInProcess>();
  /** Bytes of the upload that is being received: to see that they arrive as they are sent. */
  uploadedBytes = 0;
  /** When each command came, also those that were refused. */
  readonly arrivalsMs: Partial<Record<HostCommandName, number[]>> = {};
  /** So many of the next lists of its sandboxes fail. */
  failingLists = 0;
  /** Wait before every piece of an upload is taken. */
  uploadDelayMs = 0;
  /** Ids of the requests that were behind each method and path. */
  readonly requestIds = new Map<string, string[]>();
  /** Commands that were being done at the same time, at most. */
  mostCommandsAtOnce = 0;
  /** Streams of commands that somebody reads. */
  openStreams = 0;
  #commands = 0;
  #scripts = new Map<HostCommandName, Script[]>();
  #server: Server | undefined;
  #sockets = new Set<Socket>();

  script(command: HostCommandName, ...scripts: Script[]): void {
    this.#scripts.set(command, [...(this.#scripts.get(command) ?? []), ...scripts]);
  }

  async start(): Promise<void> {
    const server = createServer((request, response) => {
      const line = `${request.method} ${request.url}`;
      this.requests.push(line);
      const requestId = request.headers["x-request-id"];
      if (typeof requestId === "string") this.requestIds.set(line, [...(this.requestIds.get(line) ?? []), requestId]);
      this.#answer(request, response).catch((error: unknown) => this.#fail(response, error));
    });
    const sockets = new WebSocketServer({ noServer: true });
    server.on("upgrade", (request, socket, head) => {
      this.requests.push(`WS ${request.url}`);
      const url = new URL(request.url ?? "/", "http://host");
      const id = url.pathname.split("/")[3] ?? "";
      try {
        const sandbox = this.state.running(id);
        if (request.headers.upgrade === "tcp") return this.ports.connect(request, socket as Socket, id);
        sockets.handleUpgrade(request, socket, head, (webSocket) => serveProcess(this, webSocket, sandbox));
      } catch (error) {
        const { status, body } = toErrorResponse(error);
        const text = JSON.stringify(body);
        socket.end(
          `HTTP/1.1 ${status} X\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\nconnection: close\r\n\r\n${text}`,
        );
      }
    });
    server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
    server.keepAliveTimeout = 72_000;
    await new Promise<void>((resolve) => server.listen(this.socketPath, resolve));
    this.#server = server;
  }

  /** As kill -9 does: every connection is cut, nothing is answered. Its state stays. */
  async kill(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
    rmSync(this.socketPath, { force: true });
  }

  async close(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #fail(response: ServerResponse, error: unknown): void {
    if (response.headersSent || response.destroyed) return void response.destroy();
    const { status, body } = toErrorResponse(error);
    if (status === 500 && !(error instanceof Fault)) console.error(error);
    const retryAfter = error instanceof Refusal ? error.retryAfterSeconds : undefined;
    response.writeHead(status, {
      "content-type": "application/json",
      ...(retryAfter === undefined ? {} : { "retry-after": String(retryAfter) }),
    });
    response.end(JSON.stringify(body));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://host");
    const [, , resource, id = "", ...rest] = url.pathname.split("/");
    const json = (value: unknown) => {
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify(value));
    };
    if (resource === "host") return json(this.state.info());
    if (resource === "operations") return this.#operate(request, response);
    if (resource === "events") return this.#events(url, request, response);
    if (resource === "volumes") return json({ volumes: [...this.state.volumes.volumes.values()] });
    if (resource === "roots" && request.method === "GET" && id === "") return json({ roots: [] });
    if (resource === "roots" && rest[0] === "release") return json({});
    if (resource === "snapshots")
      return json({ snapshots: [...this.state.snapshots.values()].map((snapshot) => snapshot.info) });
    if (resource === "sandboxes" && id === "") {
      if (this.failingLists > 0) {
        this.failingLists--;
        throw new Fault("host.unavailable", "not now");
      }
      return json({ sandboxes: [...this.state.sandboxes.values()].map((sandbox) => sandbox.info) });
    }
    if (resource !== "sandboxes") throw new Refusal("route.not_found", "no such route");
    if (rest.length === 0) return json(this.state.sandbox(id).info);
    if (rest[0] === "environment") return json({ environment: {} });
    const path = url.searchParams.get("path") ?? "";
    switch (`${request.method} ${rest.join("/")}`) {
      case "GET logs":
        if (url.searchParams.get("follow") === "1") return this.state.withMachine(id).console.follow(response);
        response.end(this.state.sandbox(id).console.text);
        return;
      case "GET use":
        return json(this.state.sandbox(id).use);
      case "GET network":
        return json(figuresOf(this.state.sandbox(id).info.id));
      case "GET metrics": {
        const { info } = this.state.sandbox(id);
        if (info.state === "hibernated") throw new Refusal("sandbox.invalid_state", "hibernated");
        return json({ cpu_ms: 10, cpus: 2, uptime_ms: 1000, vmm: { pid: 4242, rss_bytes: 1024, cpu_ms: 500 } });
      }
      case "GET ports":
        this.state.running(id);
        return json({ ports: this.ports.listed() });
      case "POST exec":
        return this.#exec(this.state.running(id), request, response, url.searchParams.get("kill") === "1");
      case "GET processes":
        return json({ processes: this.state.running(id).processes });
      case "POST processes/signal": {
        const { id: processId, signal } = JSON.parse(await readText(request)) as { id: string; signal: string };
        const process = this.processes.get(processId);
        if (process === undefined) throw new Refusal("process.not_found", "no such process");
        process.kill(signal);
        return json({});
      }
      case "GET files": {
        const sandbox = this.state.running(id);
        if (path === "/dev/endless") return sendEndless(response, Number(url.searchParams.get("length")));
        const { content } = readFile(sandbox, path);
        const offset = Number(url.searchParams.get("offset") ?? 0);
        const length = url.searchParams.get("length");
        const part = content.subarray(offset, length === null ? undefined : offset + Number(length));
        response.writeHead(200, {
          "content-type": "application/octet-stream",
          "content-length": part.length,
          "x-pandastack-entry": encodeURIComponent(JSON.stringify(entryOf(sandbox, path))),
        });
        response.end(part);
        return;
      }
      case "PUT files":
        return this.#upload(this.state.running(id), url, request, json);
      case "GET files/list": {
        const entries = listFiles(this.state.running(id), path);
        const first = entries.next();
        response.writeHead(200, { "content-type": "application/x-ndjson" });
        if (first.done !== true) response.write(`${JSON.stringify(first.value)}\n`);
        for (const entry of entries) response.write(`${JSON.stringify(entry)}\n`);
        response.end();
        return;
      }
      case "POST files/op":
        return json(fileOperation(this.state.running(id), FsOperation.parse(JSON.parse(await readText(request)))));
      case "GET files/watch":
        this.state.running(id);
        response.writeHead(200, { "content-type": "application/x-ndjson" });
        response.write(`{"event":"ready"}\n`);
        response.write(`{"event":"change","kind":"create","path":"${path}/new","is_dir":false}\n`);
        return;
      default:
        throw new Refusal("route.not_found", "no such route");
    }
  }

  async #operate(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const operation = HostOperation.parse(JSON.parse(await readText(request)));
    this.#commands += 1;
    this.mostCommandsAtOnce = Math.max(this.mostCommandsAtOnce, this.#commands);
    response.once("close", () => (this.#commands -= 1));
    if (operation.epoch !== undefined && operation.epoch !== this.state.epoch)
      throw new Refusal("host.wrong_epoch", "another epoch");
    (this.arrivalsMs[operation.command.name] ??= []).push(performance.now());
    const script = this.#scripts.get(operation.command.name)?.shift();
    if (script?.hang === true) return;
    if (script !== undefined) await waitOrRefuse(script);
    let result = this.state.operations.get(operation.operationId);
    if (result === undefined) {
      result = (async () => this.state.execute(operation.command))();
      this.state.operations.set(operation.operationId, result);
    }
    const value = await result;
    await script?.answerAfter;
    if (script?.loseAnswer === true) return void response.destroy();
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ result: value }));
  }

  #events(url: URL, request: IncomingMessage, response: ServerResponse): void {
    response.writeHead(200, { "content-type": "application/x-ndjson" });
    response.flushHeaders();
    const after = Number(url.searchParams.get("after") ?? 0);
    for (const event of this.state.events) if (event.seq > after) response.write(`${JSON.stringify(event)}\n`);
    if (url.searchParams.get("follow") !== "1") return void response.end();
    const listener = (event: unknown) => response.write(`${JSON.stringify(event)}\n`);
    this.state.listeners.add(listener);
    request.once("close", () => this.state.listeners.delete(listener));
  }

  begin(sandbox: StandInSandbox, request: ExecRequest): StandInProcess {
    const process = new StandInProcess(request.id);
    this.processes.set(process.id, process);
    sandbox.processes.push({
      id: process.id,
      pid: process.pid,
      argv: request.argv ?? null,
      shell: request.shell ?? null,
      cwd: request.cwd ?? "/root",
      user: request.user ?? "root",
      tag: request.tag ?? null,
      pty: request.pty !== undefined,
      stdin: request.stdin ?? false,
      running: true,
      exit_code: null,
      started_at_ms: Date.now(),
    });
    return process;
  }

  end(sandbox: StandInSandbox, process: StandInProcess, exitCode: number): void {
    const info = sandbox.processes.find((one) => one.id === process.id);
    if (info !== undefined) Object.assign(info, { running: false, exit_code: exitCode });
  }

  async #exec(
    sandbox: StandInSandbox,
    request: IncomingMessage,
    response: ServerResponse,
    kill: boolean,
  ): Promise<void> {
    const execRequest = ExecRequest.parse(JSON.parse(await readText(request)));
    requireUser(execRequest.user);
    const process = this.begin(sandbox, execRequest);
    const write = async (kind: ExecFrameKind, payload: Buffer) => {
      if (response.destroyed) return;
      if (!response.headersSent) response.writeHead(200, { "content-type": "application/octet-stream" });
      if (!response.write(encodeExecFrame(kind, payload))) await drained(response);
    };
    this.openStreams += 1;
    response.once("close", () => (this.openStreams -= 1));
    if (kill) response.once("close", () => process.kill("SIGKILL"));
    const said = runCommand(sandbox, execRequest, process);
    try {
      if (execRequest.detach === true) {
        void (async () => {
          let step = await said.next();
          while (step.done !== true) step = await said.next();
          this.end(sandbox, process, step.value.exit_code);
        })();
        await write(ExecFrameKind.result, Buffer.from(JSON.stringify({ id: process.id, pid: process.pid })));
        return void response.end();
      }
      await write(
        ExecFrameKind.event,
        Buffer.from(JSON.stringify({ event: "started", id: process.id, pid: process.pid })),
      );
      let step = await said.next();
      while (step.done !== true) {
        await write(step.value.channel === 1 ? ExecFrameKind.stdout : ExecFrameKind.stderr, step.value.data);
        step = await said.next();
      }
      this.end(sandbox, process, step.value.exit_code);
      await write(ExecFrameKind.result, Buffer.from(JSON.stringify(step.value)));
      response.end();
    } catch (error) {
      if (!response.headersSent) throw error;
      await write(ExecFrameKind.error, Buffer.from(JSON.stringify(toErrorResponse(error).body)));
      response.end();
    }
  }

  async #upload(
    sandbox: StandInSandbox,
    url: URL,
    request: IncomingMessage,
    json: (value: unknown) => void,
  ): Promise<void> {
    const path = url.searchParams.get("path") ?? "";
    if (path === "/full") throw new Refusal("file.no_space", "/full: no space left");
    this.uploadedBytes = 0;
    const chunks: Buffer[] = [];
    for await (const chunk of request) {
      if (this.uploadDelayMs > 0) await delay(this.uploadDelayMs);
      this.uploadedBytes += (chunk as Buffer).length;
      // What a test only wants to see pass is not kept.
      if (path !== "/dev/null") chunks.push(chunk as Buffer);
    }
    if (path === "/dev/null") return json({ path, bytes: this.uploadedBytes });
    const mode = url.searchParams.get("mode");
    json(
      writeFile(sandbox, path, Buffer.concat(chunks), {
        append: url.searchParams.get("append") === "1",
        ...(mode === null ? {} : { mode: Number(mode) }),
      }),
    );
  }
}
