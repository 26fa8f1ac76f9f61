import { createServer, type Server, type Socket } from "node:net";
import type { SlotEgress } from "../policy/slot-egress.ts";
import type { Resolver } from "../resolver/index.ts";
import { readClientHello } from "./client-hello.ts";
import { dialByName } from "./dial.ts";
import { HEAD_TIMEOUT_MS, MAX_CONNECTIONS_PER_SLOT } from "./limits.ts";
import type { OpenConnections } from "./open-connections.ts";

export interface ProxyParts {
  readonly egress: SlotEgress;
  readonly resolver: Resolver;
  readonly connections: OpenConnections;
  /** The slot's own address: nobody else is served. */
  readonly guestAddress: string;
}

const TLS_PORT = 443;
/** A fatal alert, `access_denied`: clients show it, where a reset would look like a broken network. */
const ACCESS_DENIED = Buffer.from([21, 3, 1, 0, 2, 2, 49]);

/** What a slot sends to port 443: the name is read from the first message, the rest is passed on as it is, both ways. */
export function createTlsProxy(parts: ProxyParts): Server {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (guest) => void serve(parts, guest));
  server.maxConnections = MAX_CONNECTIONS_PER_SLOT;
  return server;
}

async function serve({ egress, resolver, connections, guestAddress }: ProxyParts, guest: Socket): Promise<void> {
  guest.on("error", () => undefined);
  if (guest.remoteAddress !== guestAddress) return void guest.destroy();
  const gone = new AbortController();
  guest.once("close", () => gone.abort());
  const hello = await readHello(guest);
  if (hello === undefined) return void guest.destroy();
  const { bytes, verdict } = hello;
  if (verdict.kind !== "hello" || verdict.name === null || verdict.hidesName) {
    const reason = verdict.kind !== "hello" ? "not_tls" : verdict.hidesName ? "hidden_name" : "no_name";
    const destination = (verdict.kind === "hello" && verdict.name) || "?";
    egress.refusals.note({ destination, protocol: "tcp", port: TLS_PORT, reason });
    return deny(guest);
  }
  const dialled = await dialByName(verdict.name, { egress, resolver, port: TLS_PORT, signal: gone.signal });
  if ("refused" in dialled) return deny(guest);
  if ("failed" in dialled) return void guest.resetAndDestroy();
  const { socket } = dialled;
  if (guest.destroyed) return void socket.destroy();
  connections.addPair({ name: verdict.name, guest, server: socket });
  socket.write(bytes);
  guest.pipe(socket);
  socket.pipe(guest);
}

function deny(guest: Socket): void {
  guest.end(ACCESS_DENIED);
  guest.setTimeout(HEAD_TIMEOUT_MS, () => guest.destroy());
  // What it still sends is of no interest, but unread it would turn the alert into a reset.
  guest.resume();
}

/** The first message and all bytes up to its end; undefined when none came. Afterwards the socket is paused. */
function readHello(guest: Socket): Promise<{ bytes: Buffer; verdict: ReturnType<typeof readClientHello> } | undefined> {
  return new Promise((resolve) => {
    let bytes = Buffer.alloc(0);
    const finish = (result: Parameters<typeof resolve>[0]): void => {
      clearTimeout(timer);
      guest.off("data", take).off("end", giveUp).off("close", giveUp);
      guest.pause();
      resolve(result);
    };
    const giveUp = (): void => finish(undefined);
    const take = (chunk: Buffer): void => {
      bytes = Buffer.concat([bytes, chunk]);
      const verdict = readClientHello(bytes);
      if (verdict.kind !== "more") finish({ bytes, verdict });
    };
    const timer = setTimeout(giveUp, HEAD_TIMEOUT_MS);
    guest.on("data", take).on("end", giveUp).on("close", giveUp);
  });
}
