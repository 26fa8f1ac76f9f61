import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:net";

/**
 * Below the ports that the kernel gives to clients: one of them may get the port of a server that is down for a moment, even the
 * one that asks whether it is up again.
 */
const FIRST = 20_000;
const END = 32_000;
const TRIES = 100;

/**
 * A port of 127.0.0.1 that nobody listens on, for a server that is started, killed and started again. It is this process's
 * until it ends: no other that asks here gets it, also while nothing listens on it.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < TRIES; tries++) {
    const port = randomInt(FIRST, END);
    const claim = await listenOn({ path: `\0pandastack-test-port-${port}` });
    if (claim === undefined) continue;
    claim.unref();
    const server = await listenOn({ port, host: "127.0.0.1" });
    if (server !== undefined) {
      server.close();
      await once(server, "close");
      return port;
    }
    claim.close();
  }
  throw new Error(`no free port between ${FIRST} and ${END}`);
}

/** Undefined where somebody listens already. A path that begins with a zero is no file: it goes with the process. */
async function listenOn(place: { path: string } | { port: number; host: string }): Promise<Server | undefined> {
  const server = createServer().listen(place);
  try {
    await once(server, "listening");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") return undefined;
    throw error;
  }
  return server;
}
