import { connect, createServer, type Socket } from "node:net";

export interface TestProxy {
  readonly url: string;
  /** Cuts every connection there is, as a network that fails does. */
  cut(): void;
  /** The next request that begins so reaches the server; its answer reaches nobody. */
  loseAnswerTo(requestLine: string): void;
  close(): Promise<void>;
}

/** Something between a client and the server that breaks when it is told to. */
export async function startProxy(target: string): Promise<TestProxy> {
  const { hostname, port } = new URL(target);
  const open = new Set<Socket>();
  let lost: string | undefined;
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    let isLost = false;
    const end = () => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      open.add(socket);
      socket.on("error", end).on("close", () => {
        open.delete(socket);
        end();
      });
    }
    client.on("data", (data) => {
      if (lost !== undefined && data.toString("latin1").startsWith(lost)) {
        lost = undefined;
        isLost = true;
      }
      upstream.write(data);
    });
    upstream.on("data", (data) => (isLost ? end() : client.write(data)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address() as { port: number };
  const cut = () => {
    for (const socket of open) socket.destroy();
  };
  return {
    url: `http://127.0.0.1:${address.port}`,
    cut,
    loseAnswerTo: (requestLine) => (lost = requestLine),
    close: async () => {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
