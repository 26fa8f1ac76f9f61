import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { pipeline } from "node:stream/promises";
import type { Sandbox } from "@pandastack/sdk";
import { type Command, InvalidArgumentError } from "commander";
import { clientFor, type CommonOptions, newCommand } from "../command.ts";
import { describeFailure } from "../failure.ts";
import { printJsonLine, printLine } from "../output.ts";

interface Forward {
  /** 0: any that is free. */
  readonly local: number;
  readonly remote: number;
}

interface Options extends CommonOptions {
  address: string;
}

const LAST_PORT = 65_535;

export function portForwardCommand(): Command {
  return newCommand({
    name: "port-forward",
    summary: "listen here, and bring connections to servers in a sandbox",
    example: "pandastack port-forward 4f9k2m7x1q8w3e5r6t0y 5432 8080:3000",
    more: "Any TCP protocol, any number of connections; a hibernated sandbox is woken by the first. Ends with Ctrl-C.",
  })
    .argument("<id>", "sandbox")
    .argument("<[local:]remote...>", "ports; `:3000` listens on any that is free", forwards)
    .option("--address <address>", "where to listen", "127.0.0.1")
    .action(async (id: string, wanted: Forward[], options: Options) => {
      const sandbox = await clientFor(options).sandboxes.get(id);
      const sockets = new Set<Socket>();
      const servers: Server[] = [];
      for (const one of wanted) servers.push(await listen(sandbox, one, options, sockets));
      await Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")]);
      for (const server of servers) server.close();
      for (const socket of sockets) socket.destroy();
    });
}

async function listen(
  sandbox: Sandbox,
  { local, remote }: Forward,
  { address, json }: Options,
  sockets: Set<Socket>,
): Promise<Server> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    bring(socket, sandbox, remote).catch((error: unknown) => {
      socket.destroy();
      process.stderr.write(`port ${remote}: ${describeFailure(error)}\n`);
    });
  });
  server.listen({ host: address, port: local });
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  if (json === true) await printJsonLine({ address, port, sandbox_id: sandbox.id, remote_port: remote });
  else printLine(`${address.includes(":") ? `[${address}]` : address}:${port} -> ${sandbox.id}:${remote}`);
  return server;
}

/** Both ways, each with its own end. A caller who leaves in the middle is no failure. */
async function bring(socket: Socket, sandbox: Sandbox, remote: number): Promise<void> {
  socket.on("error", () => socket.destroy());
  const inside = await sandbox.ports.connect(remote);
  socket.once("close", () => inside.destroy());
  const [out, back] = await Promise.allSettled([pipeline(socket, inside, { end: true }), pipeline(inside, socket)]);
  inside.destroy();
  for (const one of [out, back]) if (one.status === "rejected" && !isLeft(one.reason, socket)) throw one.reason;
}

const isLeft = (error: unknown, socket: Socket): boolean =>
  socket.destroyed && /^(ERR_STREAM_|ECONNRESET|EPIPE|ABORT)/.test(String((error as { code?: unknown }).code));

/** Collects `3000`, `8080:3000`, `:3000`. */
function forwards(text: string, previous: Forward[] = []): Forward[] {
  const match = /^(?:(\d{0,5}):)?(\d{1,5})$/.exec(text);
  const remote = Number(match?.[2]);
  const local = match?.[1] === undefined ? remote : Number(match[1]);
  if (match === null || remote < 1 || remote > LAST_PORT || local > LAST_PORT)
    throw new InvalidArgumentError(`"${text}" is not of the form [local:]remote, with ports from 1 to ${LAST_PORT}.`);
  return [...previous, { local, remote }];
}
