import type { IncomingMessage, Server } from "node:http";
import type { Socket } from "node:net";
import { Refusal } from "@pandastack/platform";

type Listener = (socket: Socket, sandboxId: string) => void;

/** What listens inside stand-in sandboxes: the same in all of them. Two ports are always listed; nobody answers there. */
export class StandInPorts {
  readonly #listeners = new Map<number, Listener>();
  /** Connections that are open inside. */
  readonly open = new Set<Socket>();
  /** Connections that were made, in all. */
  count = 0;

  listen(port: number, listener: Listener): void {
    this.#listeners.set(port, listener);
  }

  /** An HTTP server that gets its connections from here and never listens itself. */
  serve(port: number, server: Server): void {
    this.listen(port, (socket) => server.emit("connection", socket));
  }

  close(port: number): void {
    this.#listeners.delete(port);
  }

  listed() {
    const always = [
      { port: 3000, address: "0.0.0.0", pid: 12, process: "node" },
      { port: 22, address: "0.0.0.0", pid: 1, process: "sshd" },
    ];
    const more = [...this.#listeners.keys()].filter((port) => port !== 3000);
    return [...always, ...more.map((port) => ({ port, address: "127.0.0.1", pid: 13, process: "server" }))];
  }

  connect(request: IncomingMessage, socket: Socket, sandboxId: string): void {
    const port = Number(request.url?.split("/").at(-1));
    const listener = this.#listeners.get(port);
    if (listener === undefined) throw new Refusal("port.connection_refused", `127.0.0.1:${port}: Connection refused`);
    this.count += 1;
    this.open.add(socket);
    socket.once("close", () => this.open.delete(socket));
    socket.on("error", () => {});
    socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
    listener(socket, sandboxId);
  }
}
