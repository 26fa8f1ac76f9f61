import { once } from "node:events";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { waitFor } from "@pandastack/platform";
import type { ProcessSocket } from "../src/hosts/process-socket.ts";
import { dial } from "./support/http.ts";
import { startTestServer, type TestServer } from "./support/server.ts";

let server: TestServer;
let id: string;
beforeAll(async () => (server = await startTestServer()));
afterAll(() => server.stop());
beforeEach(async () => (id = (await server.api("POST", "/v1/sandboxes")).body.id));
afterEach(() => vi.restoreAllMocks());

const UPGRADE =
  "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
const until = async (check: () => unknown, message: string): Promise<void> => {
  await waitFor(() => Boolean(check()), { timeoutMs: 10_000, message });
};

/** A place that a call gets to, and where it stays until it may go on. */
class Halt {
  readonly #reached = Promise.withResolvers<void>();
  readonly #may = Promise.withResolvers<void>();
  readonly reached = this.#reached.promise;

  async here(): Promise<void> {
    this.#reached.resolve();
    await this.#may.promise;
  }

  go(): void {
    this.#may.resolve();
  }
}

/** Calls with a token that is taken back when the call has got to `halt`: from there it goes on once its connection is cut. */
async function cutOff(path: string, halt: Pick<Halt, "reached" | "go">, headers = ""): Promise<void> {
  const { token, prefix } = (await server.api("POST", "/v1/me/tokens", { role: "member" })).body;
  const caller = await dial(server.url);
  caller.write(
    `GET /v1/sandboxes/${id}/${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n${headers}\r\n`,
  );
  await halt.reached;
  const ended = once(caller.resume(), "end");
  await server.api("DELETE", `/v1/me/tokens/${prefix}`);
  await ended;
  caller.destroy();
  halt.go();
}

const untilUnused = () =>
  until(() => !server.controlPlane.parts.activity.ongoing().includes(id), "the sandbox is still in use");

test("a socket that is cut off while its sandbox wakes keeps it in use no longer", async () => {
  await server.api("POST", `/v1/sandboxes/${id}/hibernate`);
  const { promise: after, resolve: go } = Promise.withResolvers<void>();
  server.host.script("wakeSandbox", { after });
  const arrivals = () => server.host.arrivalsMs.wakeSandbox?.length ?? 0;
  const before = arrivals();
  await cutOff("exec/ws", { reached: until(() => arrivals() > before, "nothing is woken"), go }, UPGRADE);
  await untilUnused();
  expect((await server.api("GET", `/v1/sandboxes/${id}`)).body.status).toBe("running");
});

test("a tunnel that is cut off before it is joined is closed", async () => {
  const { host } = server.controlPlane.parts;
  server.host.ports.listen(5432, (socket) => void socket.once("end", () => socket.end()).resume());
  const halt = new Halt();
  const openTunnel = host.openTunnel.bind(host);
  vi.spyOn(host, "openTunnel").mockImplementation(async (...of) => {
    const tunnel = await openTunnel(...of);
    await halt.here();
    return tunnel;
  });
  await cutOff("tcp/5432", halt, UPGRADE);
  await until(() => server.host.ports.open.size === 0, "the tunnel stays open");
  await untilUnused();
});

test.each([
  ["socket", "ws", UPGRADE],
  ["stream", "stream", ""],
])("a process's %s that is cut off before it has begun leaves the process", async (_, path, headers) => {
  await server.api("POST", `/v1/sandboxes/${id}/exec`, { cmd: "sleep 60", detach: true });
  const [{ id: processId }] = (await server.api("GET", `/v1/sandboxes/${id}/processes`)).body.processes;
  const { host } = server.controlPlane.parts;
  const halt = new Halt();
  let joined: ProcessSocket | undefined;
  const guestOf = host.guest.bind(host);
  vi.spyOn(host, "guest").mockImplementation((of) => ({
    ...guestOf(of),
    processSocket: async (first) => {
      joined = await guestOf(of).processSocket(first);
      await halt.here();
      return joined;
    },
  }));
  await cutOff(`processes/${processId}/${path}`, halt, headers);
  await until(() => joined!.socket.readyState !== joined!.socket.OPEN, "it stays joined");
  await untilUnused();
});
