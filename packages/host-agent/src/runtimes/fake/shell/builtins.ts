import { read, write } from "../kernel/calls.ts";
import { checkFolder, findExecutable } from "../kernel/spawn.ts";
import { signalName } from "../kernel/signals.ts";
import { absolute, find, pathOf } from "../fs/lookup.ts";
import { content } from "../fs/inodes.ts";
import { simplePrograms } from "../programs/simple.ts";
import { become, failStart } from "./become.ts";
import { compileScript } from "./compile.ts";
import { exportedEnv } from "./children.ts";
import { inherited } from "./descriptors.ts";
import type { ExpandContext } from "./expand.ts";
import { leaveShell, popFrame } from "./frames.ts";
import { isName } from "./parse-words.ts";
import { newFrame } from "./state.ts";

/**
 * What runs in the shell itself. Answers a status; `again` when it blocks and is to be called anew (the process waits),
 * `done` when it moved the shell on itself.
 */
export type Builtin = (context: ExpandContext, args: string[]) => number | "again" | "done";

export const builtins: Record<string, Builtin> = {
  ":": () => 0,
  true: () => 0,
  false: () => 1,
  cd(context, args) {
    const { kernel, process, shell } = context;
    const target = args[0] === "-" ? (shell.vars["OLDPWD"] ?? "/") : (args[0] ?? shell.vars["HOME"] ?? "/");
    const path = absolute(process.cwd, target);
    checkFolder(kernel, path, process);
    shell.vars["OLDPWD"] = process.cwd;
    process.cwd = pathOf(kernel.world, find(kernel.world, path, process));
    shell.vars["PWD"] = process.cwd;
    if (args[0] === "-") write(kernel, process, 1, `${process.cwd}\n`);
    return 0;
  },
  exit({ kernel, process, shell }, args) {
    leaveShell(kernel, process, args[0] === undefined ? shell.status : Number(args[0]) & 0xff);
    return "done";
  },
  return({ kernel, process, shell }, args) {
    const status = args[0] === undefined ? shell.status : Number(args[0]) & 0xff;
    while (shell.frames.length > 1 && shell.frames.at(-1)!.kind === "group") popFrame(kernel, process);
    if (shell.frames.length > 1) popFrame(kernel, process);
    else leaveShell(kernel, process, status);
    shell.status = status;
    return "done";
  },
  export({ shell }, args) {
    for (const arg of args.filter((each) => each !== "-p")) {
      const [name, value] = splitOnce(arg);
      if (value !== undefined) shell.vars[name] = value;
      if (!shell.exported.includes(name)) shell.exported.push(name);
    }
    return 0;
  },
  local({ shell }, args) {
    const frame = shell.frames.findLast((each) => each.kind === "function");
    for (const arg of args) {
      const [name, value] = splitOnce(arg);
      if (frame !== undefined && !(name in frame.savedVars)) frame.savedVars[name] = shell.vars[name] ?? null;
      shell.vars[name] = value ?? "";
    }
    return 0;
  },
  unset({ shell }, args) {
    for (const name of args) {
      delete shell.vars[name];
      delete shell.functions[name];
    }
    return 0;
  },
  set({ shell }, args) {
    let at = 0;
    for (; at < args.length; at++) {
      const flag = /^([-+])([a-z]+)$/.exec(args[at]!);
      if (flag === null) break;
      const isOn = flag[1] === "-";
      if (flag[2]!.includes("e")) shell.errexit = isOn;
      if (flag[2]!.includes("u")) shell.nounset = isOn;
      if (flag[2]!.includes("x")) shell.xtrace = isOn;
      // `-o pipefail` and its like: accepted, without effect.
      if (flag[2]!.endsWith("o")) at++;
    }
    if (args[at] === "--") shell.args = args.slice(at + 1);
    else if (at < args.length) shell.args = args.slice(at);
    return 0;
  },
  shift({ shell }, args) {
    shell.args.splice(0, Number(args[0] ?? "1"));
    return 0;
  },
  eval({ shell, frame }, args) {
    frame.pc++;
    shell.status = 0;
    shell.frames.push(newFrame("eval", compileScript(args.join(" "))));
    return "done";
  },
  "."({ kernel, process, shell, frame }, args) {
    const file = find(kernel.world, absolute(process.cwd, args[0] ?? ""), process);
    frame.pc++;
    shell.frames.push(newFrame("eval", compileScript(content(file).toString())));
    return "done";
  },
  exec(context, args) {
    if (args.length === 0) return 0;
    const env = exportedEnv(context.shell);
    const { kernel, process } = context;
    const found = findExecutable(kernel.world, args, {
      path: env["PATH"] ?? "/usr/bin",
      cwd: process.cwd,
      who: process,
    });
    if ("code" in found) failStart(context, found.code, found.message);
    else become(context, found, env, inherited(kernel, process));
    return "done";
  },
  trap({ process, shell }, args) {
    const [command, ...signals] = args;
    for (const signal of signals) {
      const name = signal === "EXIT" || signal === "0" ? "EXIT" : signalName(signal);
      if (name === undefined || command === undefined) continue;
      process.ignored = process.ignored.filter((other) => other !== name);
      delete shell.traps[name];
      if (command === "") process.ignored.push(name);
      else if (command !== "-") shell.traps[name] = command;
    }
    return 0;
  },
  wait({ kernel, process, shell, frame }, args) {
    const living = [...kernel.world.processes.values()].filter(
      (child) => child.ppid === process.pid && child.status === null,
    );
    const pids = args.length > 0 ? args.map(Number) : living.map((child) => child.pid);
    frame.pc++;
    if (args.length === 0) shell.statuses = {};
    frame.job = { kind: "wait", pids, isForAll: args.length === 0 };
    return "done";
  },
  read(context, args) {
    const { kernel, process, shell } = context;
    const names = args.filter((arg) => !arg.startsWith("-"));
    const isRaw = args.includes("-r");
    let line = (process.state["readLine"] as string | undefined) ?? "";
    for (;;) {
      const byte = read(kernel, process, 0, 1);
      if (byte === "blocked") {
        process.state["readLine"] = line;
        process.wait = { readable: 0 };
        return "again";
      }
      const isEnd = byte === "eof" || byte[0] === 10;
      if (!isEnd) {
        line += byte.toString("latin1");
        continue;
      }
      if (byte !== "eof" && !isRaw && line.endsWith("\\")) {
        line = line.slice(0, -1);
        continue;
      }
      delete process.state["readLine"];
      assignFields(shell.vars, names, Buffer.from(line, "latin1").toString(), shell.vars["IFS"] ?? " \t\n");
      return byte === "eof" ? 1 : 0;
    }
  },
  umask({ kernel, process }, args) {
    if (args[0] === undefined) write(kernel, process, 1, `${process.umask.toString(8).padStart(4, "0")}\n`);
    else process.umask = Number.parseInt(args[0], 8);
    return 0;
  },
  command(context, args) {
    const { kernel, process, shell } = context;
    if (args[0] !== "-v") {
      const builtin = builtins[args[0] ?? ""];
      return builtin === undefined ? builtins["eval"]!(context, args.map(quote)) : builtin(context, args.slice(1));
    }
    const name = args[1] ?? "";
    const path = shell.vars["PATH"] ?? "/usr/bin";
    if (name in builtins || name in shell.functions) write(kernel, process, 1, `${name}\n`);
    else {
      if ("code" in findExecutable(kernel.world, [name], { path, cwd: process.cwd, who: process })) return 127;
      write(kernel, process, 1, `/usr/bin/${name}\n`);
    }
    return 0;
  },
};
builtins["source"] = builtins["."]!;
for (const name of ["echo", "printf", "test", "[", "pwd", "kill"]) {
  builtins[name] = ({ kernel, process }, args) => simplePrograms[name]!({ kernel, process }, args, name);
}

function splitOnce(text: string): [string, string | undefined] {
  const at = text.indexOf("=");
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/** Fields of a line into variables; the last takes the rest. */
function assignFields(vars: Record<string, string>, names: string[], line: string, separators: string): void {
  const targets = names.length === 0 ? ["REPLY"] : names.filter(isName);
  const isBlank = (character: string): boolean => separators.includes(character) && /\s/.test(character);
  let rest = line;
  for (const [index, name] of targets.entries()) {
    while (rest !== "" && isBlank(rest[0]!)) rest = rest.slice(1);
    if (index === targets.length - 1) {
      while (rest !== "" && isBlank(rest.at(-1)!)) rest = rest.slice(0, -1);
      vars[name] = rest;
      return;
    }
    let end = 0;
    while (end < rest.length && !separators.includes(rest[end]!)) end++;
    vars[name] = rest.slice(0, end);
    rest = rest.slice(end + 1);
  }
}
