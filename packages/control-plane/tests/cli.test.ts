import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { buffer, text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { waitFor } from "@pandastack/platform";
import { PandaStack } from "@pandastack/sdk";
import { cliJson, runCli, startCli } from "./support/cli.ts";
import { ADMIN_TOKEN, startTestServer, type Json, type TestServer } from "./support/server.ts";

/** The command line against a server. */
let server: TestServer;
beforeAll(async () => (server = await startTestServer()));
afterAll(() => server.stop());

const json = (...args: string[]) => cliJson(server.url, ...args);
const run = (...args: string[]) => runCli(server.url, ...args);
const created = async (body: unknown = {}): Promise<string> =>
  (await server.api("POST", "/v1/sandboxes", body)).body.id;

describe("pandastack", () => {
  test("create --on-idle, and idle", async () => {
    const { id, ...rest } = await json("create", "--on-idle", "hibernate", "--idle-timeout", "90");
    expect(rest).toMatchObject({ on_idle: "hibernate", idle_timeout_seconds: 90, ttl_seconds: 0 });
    expect(await json("idle", id, "kill", "--after", "120")).toMatchObject({
      on_idle: "kill",
      idle_timeout_seconds: 120,
    });
    expect((await run("idle", id, "off")).stdout).toMatch(/^on_idle +null$/m);
    expect((await run("idle", id, "sleep")).exitCode).toBe(2);
  });

  test("create and network with a policy", async () => {
    const { id, network, egress_mbps } = await json("create", "--allow", "*.example.com", "--egress-mbps", "5");
    expect([network, egress_mbps]).toEqual([{ egress: { allow: ["*.example.com"] } }, 5]);
    const changed = await json("network", id, "--allow", "192.0.2.0/24", "--allow", "a.example", "--deny", "192.0.2.7");
    expect(changed.network.egress).toEqual({ allow: ["192.0.2.0/24", "a.example"], deny: ["192.0.2.7"] });
    expect(changed.egress_mbps).toBe(5);
    const off = await json("network", id, "--egress", "off", "--egress-mbps", "0");
    expect([off.network.egress, off.egress_mbps]).toEqual(["off", null]);
    const table = await run("network", id);
    expect(table.stdout).toMatch(/^egress +off$/m);
    expect(table.stdout).toMatch(/^egress_mbps +no limit$/m);
  });

  test.each([[["--deny", "not a name"], "not a name"]])(
    "network %j is refused with what is wrong",
    async (args, named) => {
      const { exitCode, stderr } = await run("network", await created(), ...args);
      expect([exitCode, stderr]).toEqual([2, expect.stringContaining(named)]);
    },
  );

  test("preview: a link is made and taken back; the port's own host is as the SDK says it", async () => {
    const id = await created();
    const web = createServer((_request, response) => response.end("page"));
    server.host.ports.serve(3000, web);
    const link = await json("preview", id, "3000");
    const statusOf = async () => (await fetch(link.url)).status;
    expect(await statusOf()).toBe(200);
    expect((await run("preview", id, "--revoke", link.host_url)).exitCode).toBe(0);
    expect(await statusOf()).toBe(403);
    expect((await run("preview", id)).exitCode).toBe(2);
    const client = new PandaStack({ baseUrl: server.url, apiKey: ADMIN_TOKEN });
    const sandbox = await client.sandboxes.get(id);
    const { preview_url: told } = await sandbox.ports.add(3000);
    expect([sandbox.ports.url(3000), `http://${sandbox.getHost(3000)}`]).toEqual([told, told]);
  });

  test("network: what contradicts itself is a wrong use", async () => {
    const { exitCode, stderr } = await run("network", await created(), "--egress", "off", "--allow", "a.example");
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining("--egress off")]);
  });

  test("volumes: made, mounted, grown, copied, kept while in use", async () => {
    const name = `data-${process.hrtime.bigint()}`;
    expect(await json("volume", "create", name, "--size", "32")).toMatchObject({ name, size_mb: 32 });
    const sandbox = await json("create", "--volume", `${name}:/srv/data`);
    expect(sandbox.volumes).toEqual([{ name, path: "/srv/data", read_only: false }]);
    const [second, removal, grown, kept, children] = await Promise.all([
      run("create", "--volume", name),
      run("volume", "rm", name),
      json("volume", "grow", name, "64"),
      json("volume", "snapshot", name, `${name}-monday`),
      json("fork", sandbox.id, "--clone-volumes"),
    ]);
    expect([second.exitCode, second.stderr]).toEqual([5, expect.stringContaining("another sandbox writes to it")]);
    expect(removal.exitCode).toBe(5);
    expect([grown.size_mb, kept.is_snapshot]).toEqual([64, true]);
    const clone = `${name}-${children[0].id.slice(0, 8)}`;
    expect(children[0].volumes).toEqual([{ name: clone, path: "/srv/data", read_only: false }]);
    expect((await run("volume", "list")).stdout).toMatch(new RegExp(`^${name}-monday +\\d+ MiB +snapshot +- `, "m"));
    expect(await json("volume", "rm", `${name}-monday`)).toEqual([{ name: `${name}-monday`, deleted: true }]);
  });

  test.each([
    [["volume", "create", "..", "--size", "32"], 2, "name: "],
    [["create", "--volume", "nothing-like-it"], 4, "nothing-like-it"],
  ])("%j is refused with what is wrong", async (args, exitCode, named) => {
    const ran = await run(...args);
    expect([ran.exitCode, ran.stderr]).toEqual([exitCode, expect.stringContaining(named)]);
  });
});

describe("port-forward", () => {
  const forward = async (...args: string[]) => {
    const child = startCli(server.url, ["port-forward", ...args, "--json"]);
    onTestFinished(() => void child.kill("SIGKILL"));
    const stderr = text(child.stderr);
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const ports: Json[] = [];
    for (const arg of args) if (arg.includes(":")) ports.push(JSON.parse((await lines.next()).value as string));
    const end = async () => {
      const ended = once(child, "close");
      child.kill("SIGTERM");
      return { exitCode: (await ended)[0] as number | null, stderr: await stderr };
    };
    return { ports, end };
  };
  const dial = async (port: number, content: Buffer): Promise<Buffer> => {
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    socket.end(content);
    return buffer(socket);
  };

  test("many connections at once, either side's end of its own, and no answer from a port where nothing listens", async () => {
    const id = await created();
    const wakes = () => server.host.state.done["wakeSandbox"] ?? 0;
    const wokenBefore = wakes();
    server.host.ports.listen(7000, (socket) => socket.pipe(socket));
    // Answers when it has heard everything.
    server.host.ports.listen(7001, (socket) => {
      void buffer(socket).then((heard) => socket.end(createHash("sha256").update(heard).digest()));
    });
    await server.api("POST", `/v1/sandboxes/${id}/hibernate`);
    const { ports, end } = await forward(id, ":7000", ":7001", ":7002");
    expect(ports.map(({ remote_port: remote }) => remote)).toEqual([7000, 7001, 7002]);
    const [echo, digest, nothing] = ports.map(({ port }) => port as number);
    const contents = Array.from({ length: 40 }, (_, n) => randomBytes(n * 10_000));
    const echoed = await Promise.all(contents.map((content) => dial(echo!, content)));
    expect(echoed.every((answer, n) => answer.equals(contents[n]!))).toBe(true);
    const large = randomBytes(8_000_000);
    expect((await dial(digest!, large)).toString("hex")).toBe(createHash("sha256").update(large).digest("hex"));
    expect(await dial(nothing!, Buffer.from("x")).catch(() => Buffer.alloc(0))).toEqual(Buffer.alloc(0));
    const { exitCode, stderr } = await end();
    expect([exitCode, stderr]).toEqual([0, expect.stringMatching(/^port 7002: .*refused/)]);
    expect(wakes()).toBe(wokenBefore + 1);
    await waitFor(() => server.host.ports.open.size === 0, { timeoutMs: 10_000, message: "connections stay open" });
  });
});
