import { closeSync, constants, existsSync, openSync, readFileSync, readSync, watch } from "node:fs";
import { writeFileAtomic } from "@pandastack/platform";
import type { ConsoleText } from "../runtime.ts";
import { consoleLogPath, consolePath, type MachineFiles } from "./machine-files.ts";

/** Of the newest output; as much as the pipe holds. */
const KEPT_CHARACTERS = 65_536;
const READ_BYTES = 65_536;

/**
 * A console is a pipe, which bounds what a guest can put on the host: once it is full, the agent's words are dropped and others
 * wait. Opened for both directions, so that it never breaks and opening never waits.
 */
export function openConsole(files: MachineFiles): number {
  return openSync(consolePath(files), constants.O_RDWR | constants.O_NONBLOCK);
}

export class Console {
  readonly #files: MachineFiles;
  #written = 0;

  constructor(files: MachineFiles) {
    this.#files = files;
  }

  /** What was said so far. What is taken out of the pipe is kept beside it, for whoever asks next. */
  read(): ConsoleText {
    const kept = readIfThere(consoleLogPath(this.#files));
    const more = drain(this.#files);
    this.#written += more.length;
    if (more === "") return { text: kept, written: this.#written };
    const text = `${kept}${more}`.slice(-KEPT_CHARACTERS);
    writeFileAtomic(consoleLogPath(this.#files), text);
    return { text, written: this.#written };
  }

  /** The kernel tells of every write to the pipe. */
  watch(changed: () => void): () => void {
    // A machine that was stopped has none any more.
    if (!existsSync(consolePath(this.#files))) return () => {};
    const watcher = watch(consolePath(this.#files), { persistent: false }, changed);
    watcher.on("error", () => watcher.close());
    return () => watcher.close();
  }
}

function drain(files: MachineFiles): string {
  const chunks: Buffer[] = [];
  if (!existsSync(consolePath(files))) return "";
  const fd = openConsole(files);
  try {
    // Bounded: who writes on while it is read does not keep the reader.
    for (let total = 0; total < 4 * READ_BYTES;) {
      const buffer = Buffer.allocUnsafe(READ_BYTES);
      const count = readSync(fd, buffer);
      chunks.push(buffer.subarray(0, count));
      total += count;
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
  } finally {
    closeSync(fd);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}
