import { Fault, Refusal } from "@pandastack/platform";

/** Asks that `work` is refused with this code; answers the refusal. */
export async function refused(code: string, work: () => Promise<unknown>): Promise<Refusal | Fault> {
  let answer: unknown;
  try {
    answer = await work();
  } catch (error) {
    if ((error instanceof Refusal || error instanceof Fault) && error.code === code) return error;
    const got = error instanceof Refusal || error instanceof Fault ? `${error.code} (${error.message})` : String(error);
    throw new Error(`expected a refusal with ${code}, got ${got}`, { cause: error });
  }
  throw new Error(`expected a refusal with ${code}, but it was answered: ${JSON.stringify(answer)?.slice(0, 200)}`);
}

/** Reads a stream or list to its end, for work that fails only when it is consumed. */
export async function drain(items: AsyncIterable<unknown>): Promise<unknown[]> {
  const all: unknown[] = [];
  for await (const item of items) all.push(item);
  return all;
}
