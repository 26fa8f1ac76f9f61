import { vi } from "vitest";
import { Fault } from "@pandastack/platform";
import type { ControlPlane } from "../../src/main/control-plane.ts";

export interface Break {
  /** The statement that it breaks at: the first that is of this text. */
  readonly at: RegExp;
  /** So many of them pass before. */
  readonly after?: number;
  /** It was done, and only its answer is lost. */
  readonly isDone: boolean;
  /** For so long every other statement of this server fails, too. */
  readonly awayMs: number;
}

/** The database goes away at one statement of a server, as when it is killed; until mocks are restored. */
export function breakDatabase({ parts }: ControlPlane, { at, after = 0, isDone, awayMs }: Break): void {
  const executor = parts.db.getExecutor();
  const execute = executor.executeQuery.bind(executor);
  const lost = () => new Fault("internal.database", "the database is not available at the moment; try again");
  let [left, until] = [after, 0];
  vi.spyOn(executor, "executeQuery").mockImplementation(async (query, ...rest) => {
    if (performance.now() < until) throw lost();
    if (left < 0 || !at.test(query.sql) || left-- > 0) return execute(query, ...rest);
    until = performance.now() + awayMs;
    if (isDone) await execute(query, ...rest);
    throw lost();
  });
}
