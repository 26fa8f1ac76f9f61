import { newPipe, PIPE_BYTES, pipeOf, writePipe } from "./pipes.ts";
import type { Terminal, World } from "../world/world.ts";

/** A pty's line discipline, as far as a person at a shell can tell: echo, lines, ^C, ^D, newline translation, resize. */
export function newTerminal(world: World, size: { rows: number; cols: number }): Terminal {
  const terminal: Terminal = {
    id: world.nextId++,
    rows: size.rows,
    cols: size.cols,
    echo: true,
    canonical: true,
    line: Buffer.alloc(0),
    ready: [],
    output: newPipe(world, { readers: 1, writers: 1 }).id,
    foreground: 0,
    isHungUp: false,
  };
  world.terminals.set(terminal.id, terminal);
  return terminal;
}

/** How many bytes the terminal took; output turns `\n` into `\r\n`. */
export function writeTerminal(world: World, terminal: Terminal, data: Buffer): number {
  const pipe = world.pipes.get(terminal.output);
  if (pipe === undefined || terminal.isHungUp) return data.length;
  // Room for the worst case, where every byte is a newline.
  const room = Math.floor((PIPE_BYTES - pipe.bytes) / 2);
  const part = data.subarray(0, room);
  if (part.length > 0) writePipe(pipe, Buffer.from(part.toString("latin1").replaceAll("\n", "\r\n"), "latin1"));
  return part.length;
}

/** Keys pressed. Answers the signal they mean for the foreground group, if any. */
export function typeInto(world: World, terminal: Terminal, keys: Buffer): "SIGINT" | "SIGQUIT" | "SIGTSTP" | undefined {
  let signal: "SIGINT" | "SIGQUIT" | "SIGTSTP" | undefined;
  for (const byte of keys) {
    if (!terminal.canonical) {
      terminal.ready.push(Buffer.from([byte]));
      echo(world, terminal, String.fromCharCode(byte));
    } else if (byte === 3 || byte === 28) {
      echo(world, terminal, byte === 3 ? "^C" : "^\\");
      terminal.line = Buffer.alloc(0);
      signal = byte === 3 ? "SIGINT" : "SIGQUIT";
    } else if (byte === 4) {
      terminal.ready.push(terminal.line);
      terminal.line = Buffer.alloc(0);
    } else if (byte === 127 || byte === 8) {
      if (terminal.line.length > 0) echo(world, terminal, "\b \b");
      terminal.line = terminal.line.subarray(0, -1);
    } else {
      const key = byte === 13 ? 10 : byte;
      terminal.line = Buffer.concat([terminal.line, Buffer.from([key])]);
      echo(world, terminal, Buffer.from([key]).toString("latin1"));
      if (key === 10) {
        terminal.ready.push(terminal.line);
        terminal.line = Buffer.alloc(0);
      }
    }
  }
  return signal;
}

function echo(world: World, terminal: Terminal, text: string): void {
  if (terminal.echo) writeTerminal(world, terminal, Buffer.from(text, "latin1"));
}

export function readTerminal(terminal: Terminal, max: number): Buffer | "eof" | "blocked" {
  const line = terminal.ready[0];
  if (line === undefined) return terminal.isHungUp ? "eof" : "blocked";
  if (line.length <= max) terminal.ready.shift();
  else terminal.ready[0] = line.subarray(max);
  return line.length === 0 ? "eof" : line.subarray(0, max);
}

export function terminalOutput(world: World, terminal: Terminal) {
  return pipeOf(world, terminal.output);
}
