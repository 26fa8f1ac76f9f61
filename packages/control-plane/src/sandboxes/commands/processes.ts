import type { RawData, WebSocket } from "ws";
import { ProcessConnectMessage } from "@pandastack/contracts";
import type { ProcessInfo } from "@pandastack/contracts/host";
import { Refusal, toErrorResponse } from "@pandastack/platform";
import { bufferOf, CloseCode, closeReason, forward } from "../../calls/sockets.ts";
import type { GuestClient } from "../../hosts/guest.ts";
import { parseProcessMessage, type ProcessSocket } from "../../hosts/process-socket.ts";
import { execFields } from "./request.ts";

/** A process by its id, or by its pid; of several that had the pid, the one that runs. */
export async function findProcess(guest: GuestClient, idOrPid: string): Promise<ProcessInfo> {
  const processes = await guest.processes();
  const byId = processes.find((process) => process.id === idOrPid);
  if (byId !== undefined) return byId;
  const withPid = processes.filter((process) => String(process.pid) === idOrPid);
  const found = withPid.find((process) => process.running) ?? withPid.at(-1);
  if (found === undefined)
    throw new Refusal("process.not_found", "no such process: it was not started through the API, or ended a while ago");
  return found;
}

/** Joins a caller's socket with a process's: messages pass as they are. Losing the caller leaves the process running, unless it was started without `keep`. */
export function joinProcess(client: WebSocket, process: ProcessSocket): void {
  const host = process.socket;
  let hasEnded = false;
  process.onClose(() =>
    client.close(
      hasEnded ? CloseCode.normal : CloseCode.internal,
      hasEnded ? "" : "the connection to the host was lost",
    ),
  );
  client.on("message", (data, isBinary) => forward(client, host, bufferOf(data), isBinary));
  client.once("close", () => host.close());
  process.listen((data, isBinary) => {
    if (!isBinary) hasEnded ||= ["result", "error"].includes(parseProcessMessage(data, isBinary).kind);
    forward(host, client, bufferOf(data), isBinary);
  });
}

/** The caller's first message says what to join it with. */
export function connectProcess(guest: GuestClient, client: WebSocket): void {
  client.once("message", (data) => {
    // What follows waits until there is somewhere for it to go. A paused socket still delivers what has arrived already.
    const early: { data: RawData; isBinary: boolean }[] = [];
    const keep = (message: RawData, isBinary: boolean) => early.push({ data: message, isBinary });
    client.on("message", keep);
    client.pause();
    openFirst(guest, bufferOf(data).toString("utf8")).then(
      (process) => {
        client.off("message", keep);
        if (client.readyState !== client.OPEN) return process.socket.close();
        for (const message of early) forward(client, process.socket, bufferOf(message.data), message.isBinary);
        joinProcess(client, process);
        client.resume();
      },
      (error: unknown) => {
        const { body } = toErrorResponse(error);
        client.resume();
        client.send(JSON.stringify({ error: body.error, code: body.code }));
        client.close(
          body.code.startsWith("validation.") ? CloseCode.policy : CloseCode.internal,
          closeReason(body.error),
        );
      },
    );
  });
}

async function openFirst(guest: GuestClient, text: string): Promise<ProcessSocket> {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch {
    given = undefined;
  }
  const first = ProcessConnectMessage.safeParse(given);
  if (!first.success) {
    throw new Refusal(
      "validation.failed",
      "the first message is {exec: {cmd or argv, env, cwd, user, stdin, pty, timeout_seconds, keep}} or {attach: {id, replay}}",
    );
  }
  if ("attach" in first.data) {
    const { id, replay } = first.data.attach;
    const process = await findProcess(guest, String(id));
    return guest.processSocket({ attach: { id: process.id, ...(replay === undefined ? {} : { replay }) } });
  }
  const { exec } = first.data;
  return guest.processSocket({
    keep: exec.keep ?? true,
    exec: {
      ...execFields(exec),
      ...(exec.cmd === undefined ? {} : { shell: exec.cmd }),
      ...(exec.argv === undefined ? {} : { argv: exec.argv }),
      stdin: exec.stdin ?? false,
      ...(exec.pty === undefined || exec.pty === null ? {} : { pty: exec.pty }),
    },
  });
}
