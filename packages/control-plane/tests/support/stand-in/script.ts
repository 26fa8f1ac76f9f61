import { setTimeout as delay } from "node:timers/promises";
import type { ErrorCode } from "@pandastack/contracts";
import { Refusal } from "@pandastack/platform";

/** What should go wrong with the next command of a name. */
export interface Script {
  /** Answer with this refusal instead of doing it. */
  readonly refuse?: ErrorCode;
  readonly retryAfterSeconds?: number;
  readonly delayMs?: number;
  /** Wait for this before doing it. */
  readonly after?: Promise<unknown>;
  /** Do it, then wait for this before answering. */
  readonly answerAfter?: Promise<unknown>;
  /** Do it, then lose the connection without an answer. */
  readonly loseAnswer?: boolean;
  /** Neither do it nor answer. */
  readonly hang?: boolean;
}

/** What a script says of the time before the command is done. */
export async function waitOrRefuse({ delayMs = 0, after, refuse, retryAfterSeconds }: Script): Promise<void> {
  if (delayMs > 0) await delay(delayMs);
  await after;
  if (refuse !== undefined)
    throw new Refusal(refuse, `scripted: ${refuse}`, retryAfterSeconds === undefined ? {} : { retryAfterSeconds });
}
