import { ConnectionError, PandaStack } from "@pandastack/sdk";
import { Client, Sandbox as PublishedSandbox } from "pandastack-published";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { CuttingProxy } from "./support/cutting-proxy.ts";
import { type FakeServer, startFakeServer } from "./support/fake-server.ts";

/** How long the proxy lets a connection be silent, and how long what goes over it is. */
const IDLE_MS = 2_000;
const SILENT_SECONDS = 5;

let patient: FakeServer;
let lively: FakeServer;
beforeAll(async () => {
  [patient, lively] = await Promise.all([startFakeServer(), startFakeServer({ heartbeatSeconds: 1 })]);
});
afterAll(() => Promise.all([patient.stop(), lively.stop()]));

async function behindProxy(server: FakeServer): Promise<{ panda: PandaStack; proxy: CuttingProxy; url: string }> {
  const proxy = new CuttingProxy(new URL(server.url), IDLE_MS);
  const url = await proxy.start();
  onTestFinished(() => proxy.stop());
  return { panda: new PandaStack({ baseUrl: url, apiKey: server.token }), proxy, url };
}

async function sandboxBehind(server: FakeServer) {
  const { panda, proxy, url } = await behindProxy(server);
  const sandbox = await panda.sandboxes.create({ ttlSeconds: 600 });
  onTestFinished(() => server.api("DELETE", `/v1/sandboxes/${sandbox.id}`).then(() => undefined));
  return { panda, proxy, url, sandbox };
}

const SILENT = `sleep ${SILENT_SECONDS}; echo late`;

describe("a proxy that cuts silent connections", () => {
  test("hears heartbeats that are more frequent than it is impatient: commands, terminals, logs, events, changes of files", async () => {
    const { sandbox, url } = await sandboxBehind(lively);
    const published = await PublishedSandbox.get(sandbox.id, new Client({ apiUrl: url, apiKey: lively.token }));
    const said: string[] = [];
    const [ran, attached, old, lines, events, change, terminal] = await Promise.all([
      sandbox.commands.run(SILENT),
      sandbox.commands.start(SILENT, { attach: true }).then((command) => command.wait()),
      published.execStream(SILENT, { onStdout: (chunk) => said.push(chunk) }),
      lastOf(sandbox.logs({ follow: true }), async () => undefined),
      lastOf(sandbox.events({ follow: true, tail: 0 }), () => sandbox.setTtl(500)),
      (async () => {
        const changes = await sandbox.files.watch("/root");
        await silence();
        await sandbox.files.write("/root/late", "x");
        return (await changes.next()).value;
      })(),
      (async () => {
        const pty = await sandbox.pty.create({ command: "sh" });
        await silence();
        await pty.write("exit 7\n");
        await pty.output.toArray();
        return pty.exited;
      })(),
    ]);
    expect(ran).toMatchObject({ exitCode: 0, stdout: "late\n" });
    expect(attached).toMatchObject({ exitCode: 0, stdout: "late\n" });
    expect([old, said.join("")]).toEqual([0, "late\n"]);
    expect([lines, events]).toEqual(["open", "open"]);
    expect(change).toMatchObject({ path: "/root/late" });
    expect(terminal).toMatchObject({ exitCode: 7 });
  }, 60_000);

  test("cuts what is more silent: the error says how to join the command again, and that works", async () => {
    const { sandbox, proxy } = await sandboxBehind(patient);
    // Silent until it is told to go on: it must not end before the cut.
    const told = "until test -e /root/told; do sleep 0.1; done; echo late";
    const failure = await sandbox.commands.run(told).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ConnectionError);
    const { hint = "", details } = failure as ConnectionError;
    const [, id = ""] = /commands\.connect\("(\S+)"\)/.exec(hint) ?? [];
    expect(details).toMatchObject({ commandId: id });
    expect(proxy.cuts).toBeGreaterThan(0);
    // Joined where nobody cuts: as a program would that has learned of it.
    const { panda } = patient;
    const near = await panda.sandboxes.get(sandbox.id);
    const again = await near.commands.connect(id);
    await near.files.write("/root/told", "");
    expect(await again.wait()).toMatchObject({ exitCode: 0, stdout: "late\n" });
  }, 60_000);

  test("cuts connections that wait for the next call, too: the next call takes another", async () => {
    const { sandbox, proxy } = await sandboxBehind(patient);
    for (const number of [1, 2]) {
      expect((await sandbox.commands.run(`echo ${number}`)).stdout).toBe(`${number}\n`);
      const before = proxy.cuts;
      await expect.poll(() => proxy.cuts, { timeout: 20_000 }).toBeGreaterThan(before);
    }
    await sandbox.files.write("/root/after", "the cut");
    expect(await sandbox.files.readText("/root/after")).toBe("the cut");
  }, 60_000);
});

/** Longer than the proxy bears; not waiting for anything: that nothing happens is what is tried. */
const silence = () => new Promise((resolve) => setTimeout(resolve, SILENT_SECONDS * 1000));

/** Whether a stream of which nothing comes is still open after the silence. What `then` makes come is read where it does. */
async function lastOf<T>(stream: AsyncIterable<T> & { close(): Promise<void> }, then: () => Promise<unknown>) {
  let isOpen = true;
  const reading = (async () => {
    try {
      for await (const _ of stream);
    } finally {
      isOpen = false;
    }
  })();
  reading.catch(() => undefined);
  await silence();
  await then();
  const state = isOpen ? "open" : "cut";
  await stream.close();
  return state;
}
