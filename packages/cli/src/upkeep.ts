import { UsageError } from "./failure.ts";

/**
 * The parts that work on the server's own machine come with the server. Loaded when they are asked for: every other command is
 * for a server that may be anywhere.
 */
export async function loadUpkeep<T>(load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw error;
    throw new UsageError("this is done on the server's own machine, by the command line that came with the server");
  }
}

export function requireRoot(command: string): void {
  if (process.getuid?.() !== 0) throw new UsageError(`this needs root: sudo pandastack ${command}`);
}
