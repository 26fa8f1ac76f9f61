import { exit, write } from "../kernel/calls.ts";
import { newOpenFile, pipeOf, readPipe, writePipe } from "../kernel/pipes.ts";
import type { Program } from "./program.ts";

/** `listen PORT`: accepts connections on 127.0.0.1 and says back what it hears. */
const listen: Program = {
  step(kernel, process) {
    const { world } = kernel;
    const state = process.state as { sockets?: number[]; port?: number };
    if (state.port === undefined) {
      const port = Number(process.argv[1]);
      if (world.listeners.has(port)) {
        write(kernel, process, 2, "listen: Address already in use\n");
        return exit(kernel, process, 1);
      }
      state.port = port;
      state.sockets = [];
      world.listeners.set(port, { port, pid: process.pid, address: "127.0.0.1", backlog: [] });
    }
    let fd = 3;
    for (const connection of world.listeners.get(state.port)!.backlog.splice(0)) {
      while (process.fds.has(fd)) fd++;
      const file = newOpenFile(world, { kind: "socket", ...connection });
      file.refs++;
      process.fds.set(fd, file.id);
      state.sockets!.push(fd);
    }
    for (const socket of [...state.sockets!]) {
      const file = world.files.get(process.fds.get(socket)!)!;
      if (file.kind !== "socket") continue;
      const [input, output] = [pipeOf(world, file.readPipe), pipeOf(world, file.writePipe)];
      const data = readPipe(input, Math.max(0, 65_536 - output.bytes));
      if (data.length > 0) writePipe(output, data);
      const isOver = (input.bytes === 0 && input.writers <= 0) || output.readers <= 0;
      if (!isOver) continue;
      kernel.close(process, socket);
      state.sockets = state.sockets!.filter((other) => other !== socket);
    }
    // One of many connections may move next: look again whenever anything in the guest does.
    process.wait =
      state.sockets!.length === 0 ? { accept: state.port } : { accept: state.port, untilMs: kernel.monotonicMs() + 1 };
  },
};

export const serverPrograms: Record<string, Program> = { listen };
