import { ConnectionError } from "../errors/errors.ts";

/** The server says something every 15 to 20 seconds on every stream: a connection this long without a byte is dead. */
export const SILENCE_LIMIT_MS = 65_000;

/** The chunks of a body whose sender is known to send heartbeats. Only waiting counts: a slow reader is no silent server. */
export async function* readUnlessSilent(
  body: ReadableStream<Uint8Array>,
  limitMs: number = SILENCE_LIMIT_MS,
): AsyncGenerator<Uint8Array, void> {
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await withinSilence(reader.read(), limitMs);
      if (done) return;
      yield value;
    }
  } finally {
    // Also where the reader left early: the connection is of no use to anybody else.
    await reader.cancel().catch(() => undefined);
  }
}

async function withinSilence<T>(next: Promise<T>, limitMs: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new ConnectionError(`the server has said nothing for ${limitMs} ms`, { code: "client.connection" })),
      limitMs,
    );
  });
  try {
    return await Promise.race([next, silence]);
  } catch (error) {
    next.catch(() => undefined);
    if (error instanceof ConnectionError || isAbort(error)) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConnectionError(`the connection broke: ${reason}`, { code: "client.connection", cause: error });
  } finally {
    clearTimeout(timer);
  }
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}
