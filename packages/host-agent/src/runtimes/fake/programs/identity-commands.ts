import { findExecutable } from "../kernel/spawn.ts";
import { write } from "../kernel/calls.ts";
import { signalName } from "../kernel/signals.ts";
import { findUser, groupName, userName } from "../kernel/users.ts";
import type { Process } from "../world/world.ts";
import { parseFlags, type ProgramContext, type SimpleProgram } from "./program.ts";

const print = ({ kernel, process }: ProgramContext, text: string): number => {
  write(kernel, process, 1, `${text}\n`);
  return 0;
};

export const identityCommands: Record<string, SimpleProgram> = {
  id(context, args) {
    const { kernel, process } = context;
    const { flags, operands } = parseFlags(args);
    const user = operands[0] === undefined ? process : findUser(kernel.world, operands[0]);
    if (user === undefined) return 1;
    const { world } = kernel;
    const name = userName(world, user.uid);
    if (flags.has("u")) return print(context, flags.has("n") ? name : String(user.uid));
    if (flags.has("g")) return print(context, flags.has("n") ? groupName(world, user.gid) : String(user.gid));
    const groups = [user.gid, ...user.groups];
    if (flags.has("G"))
      return print(context, groups.map((gid) => (flags.has("n") ? groupName(world, gid) : String(gid))).join(" "));
    const list = groups.map((gid) => `${gid}(${groupName(world, gid)})`).join(",");
    return print(context, `uid=${user.uid}(${name}) gid=${user.gid}(${groupName(world, user.gid)}) groups=${list}`);
  },
  whoami: (context) => print(context, userName(context.kernel.world, context.process.uid)),
  hostname: (context) => print(context, context.kernel.world.hostname),
  uname(context, args) {
    if (args.includes("-a"))
      return print(context, `Linux ${context.kernel.world.hostname} 0.0.0-fake x86_64 GNU/Linux`);
    return print(
      context,
      { "-r": "0.0.0-fake", "-m": "x86_64", "-n": context.kernel.world.hostname }[args[0] ?? ""] ?? "Linux",
    );
  },
  nproc: (context) => print(context, "1"),
  date(context, args) {
    const ms = context.kernel.wallMs();
    const pattern = args.find((arg) => arg.startsWith("+"))?.slice(1);
    const iso = new Date(ms).toISOString();
    if (pattern === undefined) return print(context, iso);
    const seconds = Math.floor(ms / 1000);
    const nanos = String(Math.floor((ms - seconds * 1000) * 1e6)).padStart(9, "0");
    return print(
      context,
      pattern.replace(/%(3N|[sNFTYmdHMS%])/g, (_whole, letter: string) => {
        const values: Record<string, string> = {
          s: String(seconds),
          N: nanos,
          "3N": nanos.slice(0, 3),
          F: iso.slice(0, 10),
          T: iso.slice(11, 19),
          Y: iso.slice(0, 4),
          m: iso.slice(5, 7),
          d: iso.slice(8, 10),
          H: iso.slice(11, 13),
          M: iso.slice(14, 16),
          S: iso.slice(17, 19),
          "%": "%",
        };
        return values[letter]!;
      }),
    );
  },
  /** Counts in the guest's memory, nowhere on its disk. */
  counter: (context) => print(context, String(++context.kernel.world.counter)),
  sync: () => 0,
  tty(context) {
    const isTerminal = context.kernel.world.files.get(context.process.fds.get(0) ?? -1)?.kind === "terminal";
    print(context, isTerminal ? "/dev/pts/0" : "not a tty");
    return isTerminal ? 0 : 1;
  },
  stty(context, args) {
    const { kernel, process } = context;
    const file = [...process.fds.values()]
      .map((id) => kernel.world.files.get(id))
      .find((one) => one?.kind === "terminal");
    const terminal = file?.kind === "terminal" ? kernel.world.terminals.get(file.terminal) : undefined;
    if (terminal === undefined) {
      write(kernel, process, 2, "stty: 'standard input': Inappropriate ioctl for device\n");
      return 1;
    }
    if (args[0] === "size") return print(context, `${terminal.rows} ${terminal.cols}`);
    for (const arg of args) {
      if (arg === "-echo" || arg === "echo") terminal.echo = arg === "echo";
      if (arg === "raw" || arg === "-icanon") terminal.canonical = false;
      if (arg === "sane" || arg === "cooked" || arg === "icanon") terminal.canonical = true;
    }
    return 0;
  },
  which(context, args) {
    const { kernel, process } = context;
    const found = findExecutable(kernel.world, [args[0] ?? ""], {
      path: process.env["PATH"] ?? "/usr/bin",
      cwd: process.cwd,
      who: process,
    });
    return "code" in found ? 1 : print(context, args[0]!.includes("/") ? args[0]! : `/usr/bin/${args[0]}`);
  },
  printenv(context, args) {
    const { env } = context.process;
    if (args[0] !== undefined) return env[args[0]] === undefined ? 1 : print(context, env[args[0]]!);
    for (const [name, value] of Object.entries(env)) print(context, `${name}=${value}`);
    return 0;
  },
  ps(context) {
    print(context, "    PID TTY          TIME CMD");
    for (const { pid, argv, status } of context.kernel.world.processes.values()) {
      if (status === null) print(context, `${String(pid).padStart(7)} ?        00:00:00 ${argv.join(" ")}`);
    }
    return 0;
  },
  pgrep(context, args) {
    const { flags, operands } = parseFlags(args);
    const pattern = new RegExp(operands[0] ?? "");
    const hits = [...context.kernel.world.processes.values()].filter(
      (one) =>
        one.pid !== context.process.pid &&
        one.status === null &&
        pattern.test(flags.has("f") ? one.argv.join(" ") : (one.argv[0] ?? "")),
    );
    for (const { pid } of hits) print(context, String(pid));
    return hits.length > 0 ? 0 : 1;
  },
  kill(context, args) {
    const { kernel, process } = context;
    const operands = [...args];
    let signal: string | undefined = "SIGTERM";
    if (operands[0] === "-s") [, signal] = operands.splice(0, 2).map(signalName);
    else if (/^-[A-Z0-9]/.test(operands[0] ?? ""))
      signal = operands[0] === "-0" ? (operands.shift(), "0") : signalName(operands.shift()!.slice(1));
    if (operands[0] === "--") operands.shift();
    let status = 0;
    for (const operand of operands) {
      const pid = Number(operand);
      if (!deliver(kernel, process, pid, signal ?? "")) {
        write(kernel, process, 2, `kill: (${operand}): No such process\n`);
        status = 1;
      }
    }
    return status;
  },
  df: (context) =>
    print(
      context,
      "Filesystem     1K-blocks   Used Available Use% Mounted on\n/dev/vda         2097152 262144   1835008  13% /",
    ),
};

function deliver(kernel: ProgramContext["kernel"], sender: Process, pid: number, signal: string): boolean {
  const members = [...kernel.world.processes.values()].filter((one) =>
    pid < 0 ? one.pgid === -pid : pid === 0 ? one.pgid === sender.pgid : one.pid === pid,
  );
  const living = members.filter((one) => one.status === null);
  const allowed = living.filter((one) => sender.uid === 0 || sender.uid === one.uid);
  if (signal !== "0" && signal !== "") for (const one of allowed) kernel.signal(one, signal);
  return allowed.length > 0;
}
