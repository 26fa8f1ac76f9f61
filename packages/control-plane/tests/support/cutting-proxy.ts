import { connect, createServer, type Server, type Socket } from "node:net";

/** A proxy on the way, as many are: what is silent for longer than it likes, it cuts without a word. */
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
      let timer = setTimeout(cut, idleMs);
      for (const [from, to] of [
        [client, server],
        [server, client],
      ] as const) {
        this.#sockets.add(from);
        from.on("data", () => {
          clearTimeout(timer);
          timer = setTimeout(cut, idleMs);
        });
        from.on("error", () => to.destroy());
        from.on("close", () => {
          clearTimeout(timer);
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
