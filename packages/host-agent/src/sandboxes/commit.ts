import type { Change } from "../journal/journal.ts";

/**
 * Writes changes and, for the last step of a command, its answer, in one transaction. `answer` is what the command returns:
 * repeated for a repeated operation id.
 */
export type Commit = (
  changes: readonly Change[],
  answer?: { operationId: string; commandHash: string; result: unknown },
) => void;

/** For a command that runs as a step of something else, which nobody waits for the answer of. */
export const asStep =
  (commit: Commit): Answering =>
  (changes, result) => {
    commit(changes);
    return result;
  };

/** The part of a command that the journal must hear about with its last change. */
export interface Answering {
  <T>(changes: readonly Change[], result: T): T;
}
