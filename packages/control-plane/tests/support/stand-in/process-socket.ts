import type { WebSocket } from "ws";
import type { ExecRequest } from "@pandastack/contracts/host";
import type { StandInProcess } from "./commands.ts";
import type { StandInHost } from "./host.ts";
import type { StandInSandbox } from "./state.ts";

/** A terminal that repeats what is typed in capitals, says its size when resized, and ends at `exit N`. */
export function serveProcess(host: StandInHost, socket: WebSocket, sandbox: StandInSandbox): void {
  let process: StandInProcess | undefined;
  const say = (text: string) => socket.send(Buffer.concat([Buffer.from([1]), Buffer.from(text)]));
  const finish = (exit_code: number, signal: string | null = null) => {
    if (process !== undefined) host.end(sandbox, process, exit_code);
    socket.send(JSON.stringify({ result: { exit_code, signal, timed_out: false, duration_ms: 1 } }));
    socket.close();
  };
  socket.on("message", (data, isBinary) => {
    const text = (data as Buffer).toString("utf8");
    if (process === undefined) {
      const first = JSON.parse(text) as { exec?: ExecRequest; attach?: { id: string }; keep?: boolean };
      if (first.attach !== undefined) {
        const known = host.processes.get(first.attach.id);
        if (known === undefined)
          return socket.send(JSON.stringify({ error: "no such process", code: "process.not_found" }));
        process = known;
        socket.send(JSON.stringify({ event: "replay", stdout_bytes: 6, stderr_bytes: 0 }));
        say("replay");
        known.killed.signal.addEventListener("abort", () => finish(143, "SIGTERM"));
        return;
      }
      const begun = host.begin(sandbox, first.exec!);
      process = begun;
      if (first.keep === false)
        socket.once("close", () => {
          if (sandbox.processes.find(({ id }) => id === begun.id)?.running !== true) return;
          host.end(sandbox, begun, 129);
          begun.kill("SIGHUP");
        });
      socket.send(JSON.stringify({ event: "started", id: process.id, pid: process.pid }));
      if (first.exec?.pty !== undefined) say(`${first.exec.pty.rows}x${first.exec.pty.cols} ${first.exec.shell}\r\n`);
      return;
    }
    if (isBinary) {
      const exit = /^exit (\d+)/.exec(text);
      if (exit !== null) return finish(Number(exit[1]));
      return say(text.toUpperCase());
    }
    const control = JSON.parse(text) as {
      signal?: string;
      resize?: { rows: number; cols: number };
      end_stdin?: boolean;
    };
    if (control.resize !== undefined) say(`${control.resize.rows}x${control.resize.cols}`);
    if (control.signal !== undefined) {
      host.end(sandbox, process, 129);
      process.kill(control.signal);
    }
    if (control.end_stdin === true) finish(0);
  });
}
