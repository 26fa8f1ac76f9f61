import { createServer } from "node:net";

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
  /** Where a client on this machine reaches it. */
  readonly url: string;
}

const EVERYWHERE = new Set(["", "0.0.0.0", "::", "*"]);

/** `127.0.0.1:8080`, `[::1]:8080`, `:8080` (everywhere). */
export function parseListenAddress(text: string, scheme: "http" | "https" = "http"): ListenAddress {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text.trim());
  const port = Number(match?.[3]);
  if (match === null || port > 65_535 || port === 0)
    throw new Error(`PANDASTACK_LISTEN is host:port, for example 127.0.0.1:8080, not "${text}"`);
  const host = match[1] ?? match[2] ?? "";
  const reached = EVERYWHERE.has(host) ? "127.0.0.1" : host;
  return {
    host: host === "" ? "0.0.0.0" : host,
    port,
    url: `${scheme}://${reached.includes(":") ? `[${reached}]` : reached}:${port}`,
  };
}

/** Throws a text for the user when someone else listens there. */
export async function assertFree({ host, port }: ListenAddress): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const why = error.code === "EADDRINUSE" ? "another program listens there" : error.message;
      reject(
        new Error(`cannot listen on ${host}:${port}: ${why}. Choose another address with PANDASTACK_LISTEN=host:port`),
      );
    });
    server.listen({ host, port, exclusive: true }, resolve);
  });
  await new Promise((resolve) => server.close(resolve));
}
