import { createServer } from "node:net";
import { networkInterfaces } from "node:os";
import { waitFor } from "@pandastack/platform";
import { describe, expect } from "vitest";
import { api, run, sandboxForTest, server } from "../e2e/support/api.ts";
import { itWhen } from "../e2e/support/not-run.ts";
import { freePort } from "../../packages/platform/tests/support/free-port.ts";
import { reachedFromInside } from "./support/from-inside.ts";
import { hostReaches, listenBehindHost } from "./support/private-listener.ts";

const withVm = itWhen(!server.isFake, "the fake runtime has no network");
const withRegistry = itWhen(
  !server.isFake && server.registry !== null,
  server.isFake ? "the fake runtime has no network" : "this host reaches no package registry",
);

describe("network of a sandbox", () => {
  withVm("does not reach the host: a listener on every address that the host itself reaches", async () => {
    const listener = createServer((socket) => socket.on("error", () => undefined).end("reached")).listen(0, "0.0.0.0");
    await new Promise((resolve) => listener.once("listening", resolve));
    const { port } = listener.address() as { port: number };
    try {
      const id = await sandboxForTest();
      const own: string[] = [];
      for (const address of ownAddresses()) {
        // Once more where this process had not its turn; that of another server's slot may go at any time.
        const isThere = await waitFor(
          async () => ((await hostReaches(address, port)) ? "yes" : !ownAddresses().includes(address) && "no"),
          { timeoutMs: 20_000, intervalMs: 50, message: `control: the host does not reach ${address}` },
        );
        if (isThere === "yes") own.push(address);
      }
      const apiPort = Number(new URL(server.url).port);
      const hostSide = [...own, gatewayOf((await api("GET", `/v1/sandboxes/${id}`)).json.guest_ip), "169.254.100.1"];
      const targets = hostSide.flatMap((address) => [port, apiPort, 22].map((each) => ({ address, port: each })));
      expect(await reachedFromInside(id, targets)).toEqual([]);
    } finally {
      listener.close();
    }
  });

  withVm("does not reach private ranges nor the metadata address behind the host", async () => {
    const port = await freePort();
    const addresses = await listenBehindHost(port);
    expect(addresses.length).toBeGreaterThan(0);
    const id = await sandboxForTest();
    const targets = addresses.map((address) => ({ address, port }));
    expect(await reachedFromInside(id, [...targets, { address: "169.254.169.254", port: 80 }])).toEqual([]);
  });

  withVm("does not reach another sandbox, whose port the host does reach", async () => {
    const [one, two] = [await sandboxForTest(), await sandboxForTest()];
    const { guest_ip: address } = (await api("GET", `/v1/sandboxes/${two}`)).json;
    await run(two, "cd /tmp && (python3 -m http.server 8000 >/dev/null 2>&1 &)");
    const deadline = Date.now() + 20_000;
    while (!(await hostReaches(address, 8000)))
      expect(Date.now(), "control: the host does not reach it").toBeLessThan(deadline);
    expect(
      await reachedFromInside(one, [
        { address, port: 8000 },
        { address, port: 22 },
      ]),
    ).toEqual([]);
    // Its own address of the outside is no way round either.
    expect(
      await reachedFromInside(one, [{ address: (await api("GET", `/v1/sandboxes/${one}`)).json.guest_ip, port: 8000 }]),
    ).toEqual([]);
  });

  withVm("sends nothing by another way: no IPv6, no packets of other senders", async () => {
    const id = await sandboxForTest();
    expect((await run(id, "cat /proc/net/if_inet6 2>/dev/null | grep -v ' lo$' | wc -l")).stdout.trim()).toBe("0");
  });

  for (const [tool, command] of [
    ["curl", "curl -fsS -m 40 -o /dev/null $REGISTRY"],
    ["node", `node -e 'fetch(process.env.REGISTRY).then((r) => process.exit(r.ok ? 0 : 1))'`],
    ["python", `python3 -c 'import os, urllib.request; urllib.request.urlopen(os.environ["REGISTRY"]).read(1)'`],
    ["npm", "npm --registry $REGISTRY view is-number version"],
    ["pip", "pip download --no-deps --no-cache-dir -q -d /tmp/pip six"],
  ] as const) {
    withRegistry(
      `reaches the package registry with ${tool}`,
      async () => {
        const id = await sandboxForTest();
        const { status, json } = await api("POST", `/v1/sandboxes/${id}/exec`, {
          json: { cmd: command, env: { REGISTRY: server.registry }, timeout_seconds: 100 },
        });
        expect(json, tool).toMatchObject({ exit_code: 0 });
        expect(status).toBe(200);
      },
      120_000,
    );
  }
});

const ownAddresses = (): string[] =>
  Object.values(networkInterfaces())
    .flatMap((each) => each ?? [])
    .filter(({ family, internal }) => family === "IPv4" && !internal)
    .map(({ address }) => address);

/** The host's side of a slot's /30: the address before the slot's own. */
function gatewayOf(guestIp: string): string {
  const parts = guestIp.split(".").map(Number);
  return [...parts.slice(0, 3), (parts[3] ?? 0) - 1].join(".");
}
