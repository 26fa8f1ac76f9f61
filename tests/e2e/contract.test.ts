import WebSocket from "ws";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { api, run, sandboxForTest, server } from "./support/api.ts";

/** The wire as it is, without a client between. */
describe("raw API", () => {
  let id = "";
  beforeAll(async () => {
    id = (await api("POST", "/v1/sandboxes", { json: { ttl_seconds: 900 } })).json.id;
  });
  afterAll(async () => {
    await api("DELETE", `/v1/sandboxes/${id}`);
  });

  it("says that it lives, is ready, what it is, and what it can", async () => {
    expect(await api("GET", "/healthz", { token: null })).toMatchObject({ status: 200, json: { status: "ok" } });
    expect(await api("GET", "/readyz", { token: null })).toMatchObject({ status: 200, json: { status: "ok" } });
    expect((await api("GET", "/version", { token: null })).json).toMatchObject({ service: "pandastack" });
    const openapi = (await api("GET", "/openapi.json", { token: null })).json;
    expect(openapi.openapi).toMatch(/^3\.1/);
    expect(Object.keys(openapi.paths)).toEqual(
      expect.arrayContaining(["/v1/sandboxes", "/v1/sandboxes/{id}/exec", "/v1/sandboxes/{id}/fork"]),
    );
    expect((await api("GET", "/v1/hosts")).json[0]).toMatchObject({ ready: true });
  });

  it("answers a create with 201 and everything about the sandbox", async () => {
    const made = await api("POST", "/v1/sandboxes", {
      json: { metadata: { a: "b", "secret.key": "s3cret" }, template: "ubuntu-24.04" },
    });
    expect(made.status).toBe(201);
    expect(made.json).toMatchObject({
      status: "running",
      template: "base",
      metadata: { a: "b" },
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    });
    expect(made.text).not.toContain("s3cret");
    expect(made.headers.get("x-request-id")).toMatch(/^\S+$/);
    expect((await api("GET", `/v1/sandboxes/${made.json.id}`)).text).not.toContain("s3cret");
    expect((await api("DELETE", `/v1/sandboxes/${made.json.id}`)).status).toBe(204);
    // Clients ask a second time when told 404: what is gone stays gone and says so without a complaint.
    expect([204, 404]).toContain((await api("DELETE", `/v1/sandboxes/${made.json.id}`)).status);
    expect((await api("GET", `/v1/sandboxes/${made.json.id}`)).status).toBe(404);
  });

  it("keeps a caller's request id", async () => {
    expect((await api("GET", "/v1/me", { headers: { "x-request-id": "mine-1" } })).headers.get("x-request-id")).toBe(
      "mine-1",
    );
  });

  it("takes POSTs without a body as clients send them", async () => {
    const headers = { "content-type": "text/plain;charset=UTF-8" };
    for (const [verb, status] of [
      ["pause", 204],
      ["resume", 204],
      ["hibernate", 200],
      ["wake", 200],
      ["stop", 200],
      ["start", 200],
      ["snapshots", 201],
    ] as const) {
      const answer = await api("POST", `/v1/sandboxes/${id}/${verb}`, { body: "", headers });
      expect(answer.status, `${verb}: ${answer.text}`).toBe(status);
    }
    const fork = await api("POST", `/v1/sandboxes/${id}/fork`, { body: "", headers });
    expect(fork.status).toBe(201);
    expect(fork.json).toMatchObject({ parent_id: id, sandbox: { status: "running" }, paused_ms: expect.any(Number) });
    await api("DELETE", `/v1/sandboxes/${fork.json.sandbox.id}`);
  });

  it("streams events that are split by LF LF", async () => {
    const { text, headers } = await api("POST", `/v1/sandboxes/${id}/exec/stream`, {
      json: { cmd: "echo a; echo b >&2; exit 3" },
    });
    expect(headers.get("content-type")).toMatch(/^text\/event-stream/);
    expect(text).not.toContain("\r");
    expect(text).toMatch(/event: stdout\ndata: \{"chunk":"a\\n"\}\n\n/);
    expect(text).toMatch(/event: stderr\ndata: \{"chunk":"b\\n"\}\n\n/);
    expect(text).toMatch(/event: exit\ndata: \{"exit_code":3[^\n]*\}\n\n$/);
  });

  it("wakes what is used, and only that", async () => {
    await api("POST", `/v1/sandboxes/${id}/hibernate`);
    for (const path of ["", "/lifecycle", "/metrics", "/logs", "/events", "/ports"]) {
      expect((await api("GET", `/v1/sandboxes/${id}${path}`)).status, path).toBe(200);
    }
    expect((await api("GET", `/v1/sandboxes/${id}`)).json.status).toBe("hibernated");
    expect((await api("GET", `/v1/sandboxes/${id}/fs/stat?path=/etc/passwd`)).status).toBe(200);
    await api("POST", `/v1/sandboxes/${id}/hibernate`);
    expect((await run(id, "echo awake")).stdout).toBe("awake\n");
  });

  it("reads paths with spaces in form encoding", async () => {
    expect((await api("PUT", `/v1/sandboxes/${id}/fs?path=%2Ftmp%2Fa+b%2Bc`, { body: "x" })).json).toMatchObject({
      path: "/tmp/a b+c",
      bytes: 1,
    });
    expect((await api("GET", `/v1/sandboxes/${id}/fs?path=%2Ftmp%2Fa+b%2Bc`)).text).toBe("x");
  });

  it("speaks on exec/ws, exec/pty and ssh", async () => {
    const ws = await open(`/v1/sandboxes/${id}/exec/ws`);
    ws.send(JSON.stringify({ id: "1", cmd: "echo one" }));
    ws.send(JSON.stringify({ id: "2", cmd: "exit 2" }));
    const seen = await collect(ws, (all) => all.filter((message) => "exit" in JSON.parse(message)).length === 2);
    ws.close();
    expect(seen.map((message) => JSON.parse(message))).toEqual(
      expect.arrayContaining([
        { id: "1", stream: "stdout", data: "one\n" },
        expect.objectContaining({ id: "1", exit: 0 }),
        expect.objectContaining({ id: "2", exit: 2 }),
      ]),
    );

    const pty = await open(`/v1/sandboxes/${id}/exec/pty?rows=20&cols=70&protocol=text`);
    pty.send(JSON.stringify({ resize: { rows: 21, cols: 71 } }));
    pty.send(Buffer.from("stty size; exit 3\n"));
    const terminal = await collect(pty, (all) => all.some((message) => message.startsWith('{"exit"')));
    expect(terminal.join("")).toContain("21 71");
    expect(terminal.at(-1)).toBe('{"exit":3}');

    const ssh = await open(`/v1/sandboxes/${id}/ssh?rows=20&cols=70`);
    ssh.send(Buffer.from("exit 3\n"));
    const closed = new Promise<number>((resolve) => ssh.once("close", resolve));
    expect((await collect(ssh, () => false)).join("")).not.toContain('{"exit"');
    expect(await closed).toBe(1000);
  });

  it("takes the token where headers cannot be set", async () => {
    const socket = new WebSocket(
      `${server.url.replace("http", "ws")}/v1/sandboxes/${id}/exec/pty?access_token=${server.token}`,
    );
    await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
    socket.close();
  });

  it("forks a hibernated sandbox, and the parent may die first", async () => {
    const parent = await sandboxForTest();
    await run(parent, "echo memory > /dev/shm/m; echo disk > /root/d; sync");
    await api("POST", `/v1/sandboxes/${parent}/hibernate`);
    const fork = await api("POST", `/v1/sandboxes/${parent}/fork`, { json: {} });
    expect(fork.status, fork.text).toBe(201);
    expect((await api("GET", `/v1/sandboxes/${parent}`)).json.status).toBe("hibernated");
    await api("DELETE", `/v1/sandboxes/${parent}`);
    expect((await run(fork.json.sandbox.id, "cat /dev/shm/m /root/d")).stdout).toBe("memory\ndisk\n");
    await api("DELETE", `/v1/sandboxes/${fork.json.sandbox.id}`);
  });

  it("hibernates and wakes over and over with memory and disk", async () => {
    const each = await sandboxForTest();
    await run(
      each,
      "head -c 1000000 /dev/urandom > /root/data; (n=0; while :; do n=$((n+1)); printf '%09d\\n' $n 1<> /dev/shm/n; sleep 0.05; done) >/dev/null 2>&1 &",
    );
    const disk = (await run(each, "sha256sum /root/data")).stdout;
    let last = 0;
    for (let round = 0; round < 3; round++) {
      expect((await api("POST", `/v1/sandboxes/${each}/hibernate`)).status).toBe(200);
      expect((await api("POST", `/v1/sandboxes/${each}/wake`)).status).toBe(200);
      expect((await run(each, "sha256sum /root/data")).stdout).toBe(disk);
      const { stdout } = await run(each, "cat /dev/shm/n");
      expect(Number(stdout)).toBeGreaterThanOrEqual(last);
      expect(Number(stdout)).toBeLessThan(100_000);
      last = Number(stdout);
    }
    expect(last).toBeGreaterThan(0);
  });
});

async function open(path: string): Promise<WebSocket> {
  const socket = new WebSocket(`${server.url.replace("http", "ws")}${path}`, {
    headers: { authorization: `Bearer ${server.token}` },
  });
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  return socket;
}

/** All messages until `done` says enough, or the server closes. */
async function collect(socket: WebSocket, done: (all: string[]) => boolean): Promise<string[]> {
  const all: string[] = [];
  await new Promise<void>((resolve) => {
    socket.on("message", (data) => {
      all.push((data as Buffer).toString());
      if (done(all)) resolve();
    });
    socket.once("close", () => resolve());
  });
  return all;
}
