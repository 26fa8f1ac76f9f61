import { Refusal } from "@pandastack/platform";
import { frame } from "../../calls/server-sent-events.ts";
import type { SandboxParts } from "../parts.ts";
import { readSandbox } from "../store.ts";

/** As much as a host keeps of a console. */
const SEEN_CHARACTERS = 65_536;
/** Until the host is asked again after its answer has ended: what comes next is told by an event, and usually sooner. */
const ENDED_WAIT_MS = 100;
/** The same for a sandbox without a machine: what other control planes do is not announced here. */
const ASLEEP_WAIT_MS = 1000;
/** A host that answers nothing so many times in a row is away. */
const FRUITLESS_LIMIT = 3;

export interface FollowedLogs {
  readonly id: string;
  readonly stream: "stdout" | "stderr" | "both";
  readonly tail: number | undefined;
  readonly signal: AbortSignal;
}

/** Lines there are, then those to come, as the host sends them; over wakes and restarts of the host agent, until the sandbox is gone. */
export async function* followLines(parts: SandboxParts, followed: FollowedLogs): AsyncGenerator<string> {
  const { id, signal } = followed;
  const news = new News(parts, id, signal);
  let { tail } = followed;
  let seen = "";
  let pending = "";
  let fruitless = 0;
  try {
    while (!signal.aborted) {
      news.forget();
      let waitMs = ENDED_WAIT_MS;
      let isFirst = true;
      try {
        for await (const piece of parts.host.guest(id).followLogs(followed.stream, signal)) {
          // Each answer begins with all that the host has.
          const text = isFirst ? newText(seen, piece) : piece;
          seen = `${seen}${text}`.slice(-SEEN_CHARACTERS);
          pending += lastLines(text, tail);
          [tail, isFirst, fruitless] = [undefined, false, 0];
          const lines = pending.split("\n");
          pending = lines.pop() ?? "";
          for (const line of lines) yield frame("line", { line });
        }
      } catch (error) {
        if (error instanceof Refusal) waitMs = ASLEEP_WAIT_MS;
        else if (isFirst && ++fruitless >= FRUITLESS_LIMIT) throw error;
      }
      const row = await readSandbox(parts.db, id);
      if (row === undefined || row.wanted === "deleted") break;
      await news.within(waitMs);
    }
    if (pending !== "" && !signal.aborted) yield frame("line", { line: pending });
  } finally {
    news.close();
  }
}

/** Whether the host has told of a sandbox since `forget`. */
class News {
  readonly #unsubscribe: () => void;
  readonly #signal: AbortSignal;
  readonly #tell = (): void => {
    this.#hasSome = true;
    this.#wake();
  };
  #hasSome = false;
  #wake = (): void => {};

  constructor(parts: Pick<SandboxParts, "feed">, id: string, signal: AbortSignal) {
    this.#signal = signal;
    this.#unsubscribe = parts.feed.onHostEvents((events) => {
      if (events.some((event) => event.sandboxId === id)) this.#tell();
    });
    signal.addEventListener("abort", this.#tell, { once: true });
  }

  forget(): void {
    this.#hasSome = this.#signal.aborted;
  }

  /** Resolves with the next one, at the latest after so long. */
  async within(timeoutMs: number): Promise<void> {
    if (this.#hasSome) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      timer = setTimeout(resolve, timeoutMs);
    });
    clearTimeout(timer);
  }

  close(): void {
    this.#unsubscribe();
    this.#signal.removeEventListener("abort", this.#tell);
  }
}

export function lastLines(text: string, count: number | undefined): string {
  if (count === undefined) return text;
  if (count === 0) return "";
  const lines = text.split("\n");
  const kept = text.endsWith("\n") ? count + 1 : count;
  return lines.slice(-kept).join("\n");
}

/** The host keeps a bounded text and gives all of it: what is new is what follows the part that was seen. */
export function newText(seen: string, now: string): string {
  if (now.startsWith(seen)) return now.slice(seen.length);
  // The beginning has been dropped: find where the end of what was seen stands now.
  const anchor = seen.slice(-4096);
  const at = now.lastIndexOf(anchor);
  return at === -1 ? now : now.slice(at + anchor.length);
}
