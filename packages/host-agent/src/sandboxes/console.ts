import type { Machine } from "../runtimes/runtime.ts";

/**
 * What a machine's console has said, at once and even if it is nothing, and then what it says, as it comes. Ends with the
 * machine or by `signal`. Whoever reads slowly misses the oldest, as the console itself does.
 */
export async function* followConsole(machine: Machine, signal: AbortSignal): AsyncGenerator<string> {
  let hasMore = false;
  let isOver = signal.aborted;
  let wake = (): void => {};
  const end = () => {
    isOver = true;
    wake();
  };
  const stopWatching = machine.watchConsole(() => {
    hasMore = true;
    wake();
  });
  signal.addEventListener("abort", end, { once: true });
  void machine.exited.then(end);
  try {
    let seen: number | undefined;
    while (!isOver) {
      hasMore = false;
      const { text, written } = await machine.consoleLog();
      if (seen === undefined) yield text;
      else if (written > seen) yield text.slice(-(written - seen));
      seen = written;
      const next = new Promise<void>((resolve) => (wake = resolve));
      if (!hasMore && !isOver) await next;
    }
  } finally {
    stopWatching();
    signal.removeEventListener("abort", end);
  }
}
