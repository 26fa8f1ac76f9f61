import { isOn } from "@pandastack/contracts";
import { Refusal } from "@pandastack/platform";
import { whenAborted } from "../../calls/aborted.ts";
import type { Call, Handlers, SocketAnswer } from "../../calls/call.ts";
import { eventStream } from "../../calls/server-sent-events.ts";
import { onSandbox } from "../entry.ts";
import type { SandboxParts } from "../parts.ts";
import { exec } from "./exec.ts";
import { execSocket } from "./exec-socket.ts";
import { execStream, processFrames } from "./exec-stream.ts";
import { processEvents } from "./process-events.ts";
import { connectProcess, findProcess, joinProcess } from "./processes.ts";
import { joinTerminal, terminalRequest, wantsExitMessage } from "./terminal.ts";
import type { SandboxRow } from "../../persistence/tables.ts";

type Operations =
  | "exec"
  | "execStream"
  | "execSocket"
  | "openTerminal"
  | "openSsh"
  | "listProcesses"
  | "getProcess"
  | "signalProcess"
  | "streamProcess"
  | "attachProcess"
  | "connectProcess";

export function commandHandlers(parts: SandboxParts): Pick<Handlers, Operations> {
  const guestOf = (row: SandboxRow) => parts.host.guest(row.id);

  const openTerminal = async (
    call: Call<"openTerminal"> | Call<"openSsh">,
    row: SandboxRow,
    exitMessage: boolean,
  ): Promise<SocketAnswer> => {
    const terminal = await guestOf(row).processSocket({
      exec: terminalRequest(call.query),
      keep: isOn(call.query.keep),
    });
    // A caller may go away before it has its WebSocket.
    const stay = whenAborted(call.signal, () => terminal.socket.close());
    return {
      status: 101,
      connect: (client) => {
        stay();
        joinTerminal(client, terminal, { exitMessage });
      },
    };
  };

  return {
    exec: onSandbox(parts, "exec", (call, row) => exec(parts, call, row)),
    execStream: onSandbox(parts, "execStream", (call, row) => execStream(parts, call, row)),
    execSocket: onSandbox(parts, "execSocket", async ({ principal }, row) => ({
      status: 101,
      connect: (socket) => execSocket(parts, row, principal, socket),
    })),
    openTerminal: onSandbox(parts, "openTerminal", (call, row) =>
      openTerminal(call, row, wantsExitMessage(call.query, call.userAgent)),
    ),
    openSsh: onSandbox(parts, "openSsh", (call, row) =>
      openTerminal(call, row, wantsExitMessage(call.query, call.userAgent)),
    ),

    listProcesses: onSandbox(parts, "listProcesses", async (_, row) => ({
      status: 200,
      body: { processes: await guestOf(row).processes() },
    })),
    getProcess: onSandbox(parts, "getProcess", async ({ params }, row) => ({
      status: 200,
      body: await findProcess(guestOf(row), params.pid),
    })),
    signalProcess: onSandbox(parts, "signalProcess", async ({ params, body }, row) => {
      const { id, running } = await findProcess(guestOf(row), params.pid);
      if (!running) throw new Refusal("process.not_found", "the process has ended");
      const name = body?.signal ?? "SIGTERM";
      await guestOf(row).signalProcess({ id, signal: name.startsWith("SIG") ? name : `SIG${name}` });
      return { status: 204 };
    }),
    streamProcess: onSandbox(parts, "streamProcess", async ({ params, query, signal, heartbeatMs }, row) => {
      const { id } = await findProcess(guestOf(row), params.pid);
      const process = await guestOf(row).processSocket({
        attach: { id, replay: query.replay === undefined || isOn(query.replay) },
      });
      return {
        status: 200,
        mediaType: "text/event-stream",
        stream: eventStream(processFrames(processEvents(process, signal), "command timeout"), heartbeatMs),
      };
    }),
    attachProcess: onSandbox(parts, "attachProcess", async ({ params, query, signal }, row) => {
      const { id } = await findProcess(guestOf(row), params.pid);
      const process = await guestOf(row).processSocket({
        attach: { id, replay: query.replay === undefined || isOn(query.replay) },
      });
      const stay = whenAborted(signal, () => process.socket.close());
      return {
        status: 101,
        connect: (client) => {
          stay();
          joinProcess(client, process);
        },
      };
    }),
    connectProcess: onSandbox(parts, "connectProcess", async (_, row) => ({
      status: 101,
      connect: (client) => connectProcess(guestOf(row), client),
    })),
  };
}
