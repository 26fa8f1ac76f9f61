import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { expect } from "vitest";
import { waitFor, withTimeout } from "@pandastack/platform";
import type { Box } from "../box.ts";
import { area } from "../case.ts";
import { refused } from "../refusal.ts";
import type { World } from "../world.ts";

const { cases, inside, alone } = area("tcp");
export const tcpCases = cases;

async function withServer(world: World, box: Box, port: number, work: () => Promise<void>): Promise<void> {
  const guest = await box.guest();
  const { id } = await box.background(world.target.programs.echoServer(port));
  try {
    await waitFor(async () => (await guest.ports()).some((one) => one.port === port), {
      timeoutMs: 30_000,
      intervalMs: 50,
      message: `port ${port} must be listened on`,
    });
    await work();
  } finally {
    await guest.signal({ id, signal: "SIGKILL" }).catch(() => undefined);
  }
}

inside("a tunnel to a port inside carries bytes both ways and its end", async ({ box, world }) => {
  await withServer(world, box, 7001, async () => {
    const tunnel = await (await box.guest()).connectTcp(7001);
    const sent = randomBytes(1_000_000);
    const got: Buffer[] = [];
    tunnel.on("data", (chunk: Buffer) => got.push(chunk));
    const over = once(tunnel, "end");
    tunnel.end(sent);
    await withTimeout(over, 60_000, "the server must close when it has said all back");
    const hash = (data: Buffer): string => createHash("sha256").update(data).digest("hex");
    expect(hash(Buffer.concat(got)), "what comes back must be what was sent").toBe(hash(sent));
    tunnel.destroy();
  });
});

inside("several tunnels stand side by side", async ({ box, world }) => {
  await withServer(world, box, 7002, async () => {
    const guest = await box.guest();
    const answers = await Promise.all(
      [1, 2, 3, 4].map(async (number) => {
        const tunnel = await guest.connectTcp(7002);
        tunnel.write(`hello ${number}`);
        const [data] = (await withTimeout(once(tunnel, "data"), 30_000, `tunnel ${number} must answer`)) as [Buffer];
        tunnel.destroy();
        return data.toString();
      }),
    );
    expect(answers).toEqual(["hello 1", "hello 2", "hello 3", "hello 4"]);
  });
});

alone("a tunnel stands through a snapshot and a fork of its sandbox", async ({ box, world }) => {
  await withServer(world, box, 7006, async () => {
    const tunnel = await (await box.guest()).connectTcp(7006);
    const echoed = async (text: string): Promise<string> => {
      const heard = once(tunnel, "data");
      tunnel.write(text);
      return ((await withTimeout(heard, 30_000, `"${text}" must come back`)) as [Buffer])[0].toString();
    };
    expect(await echoed("before")).toBe("before");
    await world.snapshot(box);
    expect(await echoed("after a snapshot")).toBe("after a snapshot");
    await world.fork(box, 1);
    expect(await echoed("after a fork")).toBe("after a fork");
    tunnel.destroy();
  });
});

inside("a port that nobody listens on refuses", async ({ box }) => {
  const guest = await box.guest();
  await refused("port.connection_refused", () => guest.connectTcp(7999));
});

inside("listening ports are listed with their process", async ({ box, world }) => {
  await withServer(world, box, 7003, async () => {
    const port = (await (await box.guest()).ports()).find((one) => one.port === 7003);
    expect(port).toMatchObject({ port: 7003 });
    expect(port?.pid, "the listener's pid").toBeGreaterThan(1);
  });
});
