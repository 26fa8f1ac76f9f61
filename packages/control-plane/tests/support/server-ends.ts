import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import type { Socket } from "node:net";
import { withTimeout } from "@pandastack/platform";

const CHANNEL = "net.server.socket";

/** What servers of this process have of the connections made to them: a caller that has left is known to have only there. */
export class ServerEnds {
  readonly #sockets = new Set<Socket>();
  readonly #keep = (message: unknown): void => void this.#sockets.add((message as { socket: Socket }).socket);

  constructor() {
    subscribe(CHANNEL, this.#keep);
  }

  /** Ends a connection; resolves once its server has seen that. */
  async leave(client: Socket): Promise<void> {
    const end = [...this.#sockets].find(({ remotePort }) => remotePort === client.localPort);
    if (end === undefined) throw new Error("no server has this connection");
    const closed = once(end, "close");
    client.destroy();
    await withTimeout(closed, 10_000, "the server does not see that its caller has left");
  }

  stop(): void {
    unsubscribe(CHANNEL, this.#keep);
  }
}
