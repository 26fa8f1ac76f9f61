import { assign, exit, open, read, write } from "../kernel/calls.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Process } from "../world/world.ts";
import { inputFailed, nextChunk } from "./input.ts";
import { parseFlags, type Program } from "./program.ts";

/** Programs that pass bytes on as they come. */
export const streamPrograms: Record<string, Program> = {
  cat: {
    step(kernel, process) {
      const { operands } = parseFlags(process.argv.slice(1));
      const data = nextChunk(kernel, process, operands);
      if (data === "eof") return exit(kernel, process, inputFailed(process) ? 1 : 0);
      if (data !== "blocked") write(kernel, process, 1, data);
    },
  },
  head: {
    step(kernel, process) {
      const { flags, operands } = parseFlags(
        process.argv.slice(1).map((arg) => (/^-\d+$/.test(arg) ? `-n${arg.slice(1)}` : arg)),
        "nc",
      );
      const isBytes = flags.has("c");
      const state = process.state as { left?: number };
      state.left ??= bytesOf(flags.get(isBytes ? "c" : "n") ?? "10");
      if (state.left <= 0) return exit(kernel, process, 0);
      const data = nextChunk(kernel, process, operands);
      if (data === "eof") return exit(kernel, process, inputFailed(process) ? 1 : 0);
      if (data === "blocked") return;
      let end = Math.min(data.length, state.left);
      if (isBytes) state.left -= end;
      else {
        end = 0;
        while (state.left > 0 && end < data.length) {
          const newline = data.indexOf(10, end);
          end = newline < 0 ? data.length : newline + 1;
          if (newline >= 0) state.left--;
        }
      }
      write(kernel, process, 1, data.subarray(0, end));
    },
  },
  tee: {
    step(kernel, process) {
      const { flags, operands } = parseFlags(process.argv.slice(1));
      const state = process.state as { fds?: number[] };
      state.fds ??= operands.map((path, index) => {
        assign(kernel, process, 3 + index, open(kernel, process, path, flags.has("a") ? "append" : "write"));
        return 3 + index;
      });
      const data = read(kernel, process, 0);
      if (data === "blocked") process.wait = { readable: 0 };
      else if (data === "eof") exit(kernel, process, 0);
      else for (const fd of [1, ...state.fds]) write(kernel, process, fd, data);
    },
  },
  yes: {
    step(kernel, process) {
      // Waits for room like every writer, so it never runs ahead of its reader.
      const line = `${process.argv.slice(1).join(" ") || "y"}\n`;
      write(kernel, process, 1, Buffer.from(line.repeat(Math.max(1, Math.floor(32_768 / line.length)))));
    },
  },
  dd: {
    step(kernel, process) {
      const options = Object.fromEntries(process.argv.slice(1).map((arg) => arg.split("=", 2))) as Record<
        string,
        string
      >;
      const state = process.state as { blocks?: number; bytes?: number };
      const size = bytesOf(options["bs"] ?? "512");
      if (state.blocks === undefined) {
        state.blocks = Number(options["count"] ?? "1e15");
        state.bytes = 0;
        if (options["if"] !== undefined) assign(kernel, process, 0, open(kernel, process, options["if"], "read"));
        if (options["of"] !== undefined) assign(kernel, process, 1, open(kernel, process, options["of"], "write"));
      }
      const data = state.blocks <= 0 ? "eof" : read(kernel, process, 0, size);
      if (data === "blocked") process.wait = { readable: 0 };
      else if (data === "eof") {
        if (options["status"] !== "none") write(kernel, process, 2, `${state.bytes} bytes copied\n`);
        exit(kernel, process, 0);
      } else {
        state.blocks--;
        state.bytes! += data.length;
        write(kernel, process, 1, data);
      }
    },
  },
  tail: {
    step(kernel, process) {
      const { flags, operands } = parseFlags(
        process.argv.slice(1).map((arg) => (/^-\d+$/.test(arg) ? `-n${arg.slice(1)}` : arg)),
        "nc",
      );
      const state = process.state as { kept?: Buffer; isFollowing?: boolean };
      state.kept ??= Buffer.alloc(0);
      if (state.isFollowing === true) return follow(kernel, process);
      const data = nextChunk(kernel, process, operands);
      if (data === "blocked") return;
      if (data !== "eof") {
        state.kept = Buffer.concat([state.kept, data]);
        return;
      }
      write(kernel, process, 1, lastOf(state.kept, flags));
      if (!flags.has("f") && !flags.has("F")) return exit(kernel, process, inputFailed(process) ? 1 : 0);
      state.isFollowing = true;
      assign(kernel, process, 9, open(kernel, process, operands[0]!, "read"));
      while (read(kernel, process, 9) !== "eof");
    },
  },
};

function lastOf(data: Buffer, flags: Map<string, string>): Buffer {
  if (flags.has("c")) {
    const count = flags.get("c")!;
    return count.startsWith("+")
      ? data.subarray(Number(count) - 1)
      : data.subarray(Math.max(0, data.length - Number(count)));
  }
  const count = flags.get("n") ?? "10";
  const lines = data.toString("latin1").split(/(?<=\n)/);
  const kept = count.startsWith("+")
    ? lines.slice(Number(count) - 1)
    : lines.slice(Math.max(0, lines.length - Number(count)));
  return Buffer.from(Number(count) === 0 && !count.startsWith("+") ? "" : kept.join(""), "latin1");
}

function follow(kernel: Kernel, process: Process): void {
  const data = read(kernel, process, 9);
  if (data === "eof" || data === "blocked") process.wait = { untilMs: kernel.monotonicMs() + 20 };
  else write(kernel, process, 1, data);
}

export function bytesOf(text: string): number {
  const match = /^(\d+)([kKMG]?)B?$/.exec(text);
  if (match === null) return Number.NaN;
  return (
    Number(match[1]) * { "": 1, k: 1024, K: 1024, M: 1024 ** 2, G: 1024 ** 3 }[match[2]! as "" | "k" | "K" | "M" | "G"]
  );
}
