import { closeSync, constants, existsSync, openSync, readFileSync, readSync } from "node:fs";
import { writeFileAtomic } from "@pandastack/platform";
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

/** What was said so far. What is taken out of the pipe is kept beside it, for whoever asks next. */
export function readConsole(files: MachineFiles): string {
  const kept = readIfThere(consoleLogPath(files));
  const more = drain(files);
  if (more === "") return kept;
  const text = `${kept}${more}`.slice(-KEPT_CHARACTERS);
  writeFileAtomic(consoleLogPath(files), text);
  return text;
}

function drain(files: MachineFiles): string {
  const chunks: Buffer[] = [];
  // A machine that was stopped has none any more.
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
