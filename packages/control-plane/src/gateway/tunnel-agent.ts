import { Agent, type ClientRequest, type ClientRequestArgs } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";

/** Connections to servers inside that wait for the next request, in all. */
const FREE_LIMIT = 512;
/** … to one port of one sandbox. */
const FREE_PER_PORT_LIMIT = 32;
/**
 * Below what servers keep idle connections for (2 s and up), so that a request hardly ever meets one that is being closed. A
 * page's files still share a connection.
 */
const FREE_MS = 1500;

/**
 * Node's own pool of HTTP connections, over tunnels to guests instead of TCP: `host` is a sandbox, `port` a port in it. It
 * writes requests and reads answers with the same parser as the server that took them.
 */
export class TunnelAgent extends Agent {
  readonly #open: (sandboxId: string, port: number) => Promise<Duplex>;

  constructor(open: (sandboxId: string, port: number) => Promise<Duplex>) {
    super({ keepAlive: true, maxFreeSockets: FREE_PER_PORT_LIMIT, scheduling: "lifo" });
    this.#open = open;
  }

  override createConnection(
    options: ClientRequestArgs,
    callback?: (error: Error | null, socket: Duplex) => void,
  ): undefined {
    this.#open(String(options.host), Number(options.port)).then(
      (socket) => callback?.(null, socket),
      (error: unknown) => callback?.(error as Error, undefined as never),
    );
    return undefined;
  }

  // Node calls it when an answer is over; `timeout` on a free socket destroys it.
  override keepSocketAlive(socket: Duplex): boolean {
    // Typed as saying nothing; it says whether the socket may be kept.
    const mayKeep = super.keepSocketAlive(socket) as unknown as boolean;
    if (!mayKeep || this.#free().length >= FREE_LIMIT) return false;
    (socket as Socket).setTimeout(FREE_MS);
    return true;
  }

  override reuseSocket(socket: Duplex, request: ClientRequest): void {
    (socket as Socket).setTimeout(0);
    super.reuseSocket(socket, request);
  }

  /** Closes what waits; what is in use stays. */
  closeFree(): void {
    for (const socket of this.#free()) socket.destroy();
  }

  #free(): Socket[] {
    return Object.values(this.freeSockets).flatMap((sockets) => sockets ?? []);
  }
}
