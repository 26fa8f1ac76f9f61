import { runHooks } from "./hello.ts";
import { text, type Operation } from "./operation.ts";

export const listPorts: Operation = ({ kernel, stream }) => {
  stream.ok({
    ports: [...kernel.world.listeners.values()].map(({ port, address, pid }) => ({
      port,
      address,
      pid,
      process: kernel.process(pid)?.argv[0] ?? null,
    })),
  });
};

export const setClock: Operation = ({ kernel, stream }, args) => {
  kernel.setWallClock(Number(BigInt(text(args, "time_ns")) / 1000n) / 1000);
  stream.ok({});
};

export const metrics: Operation = ({ kernel, stream }) => {
  let used = 0;
  for (const inode of kernel.world.inodes.values()) if (!inode.inMemory) used += inode.size;
  stream.ok({
    cpu_ms: Math.round(kernel.monotonicMs() / 100),
    cpus: 1,
    memory_total_bytes: 512 * 1024 * 1024,
    memory_available_bytes: 400 * 1024 * 1024,
    disk_total_bytes: 2 * 1024 ** 3,
    disk_used_bytes: used,
    processes: kernel.world.processes.size + 1,
    load1: 0,
    uptime_ms: Math.round(kernel.monotonicMs()),
  });
};

export const quiesce: Operation = ({ agent, kernel, stream }) => {
  runHooks(kernel, "/etc/pandastack/before-snapshot.d");
  stream.ok({});
  agent.keepQuiet();
};

export const shutdown: Operation = ({ agent, kernel, stream }) => {
  for (const process of [...kernel.world.processes.values()]) kernel.signal(process, "SIGTERM");
  for (const process of [...kernel.world.processes.values()]) kernel.signal(process, "SIGKILL");
  stream.ok({});
  setImmediate(() => agent.powerOff());
};
