import { connect, createServer, type Server, type Socket } from "node:net";

const TICKS = 10;

/**
 * A proxy on the way, as many are: what is silent for longer than it likes, it cuts without a word. It counts that time in small
 * parts: where this process stands still, so do the heartbeats of the server in it, and that is one part only.
 */
export class CuttingProxy {
  /** Connections that it has cut. */
  cuts = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(target: URL, idleMs: number) {
    this.#server = createServer({ allowHalfOpen: true }, (client) => {
      const server = connect({ host: target.hostname, port: Number(target.port), allowHalfOpen: true });
      const cut = () => {
        this.cuts++;
        client.destroy();
        server.destroy();
      };
      let ticks = 0;
      const timer = setInterval(() => {
        if (++ticks < TICKS) return;
        clearInterval(timer);
        cut();
      }, idleMs / TICKS);
      for (const [from, to] of [
        [client, server],
        [server, client],
      ] as const) {
        this.#sockets.add(from);
        from.on("data", () => (ticks = 0));
        from.on("error", () => to.destroy());
        from.on("close", () => {
          clearInterval(timer);
          to.destroy();
          this.#sockets.delete(from);
        });
        from.pipe(to);
      }
    });
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  stop(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}
