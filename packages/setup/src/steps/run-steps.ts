import { StepFailed, type Step } from "./step.ts";
import type { Reporter } from "./reporter.ts";

/**
 * Brings every step about, each as soon as those it needs are done, so independent ones run side by side.
 * After a failure nothing new is begun; what runs is let finish, because the next start then finds it done.
 * Throws the first StepFailed.
 */
export async function runSteps(steps: readonly Step[], reporter: Reporter): Promise<void> {
  assertOrder(steps);
  const outcomes = new Map<string, Promise<boolean>>();
  let firstFailure: StepFailed | undefined;

  const bringAbout = async (step: Step): Promise<boolean> => {
    const needed = await Promise.all(step.needs.map((name) => outcomes.get(name) ?? Promise.resolve(false)));
    if (needed.includes(false) || firstFailure !== undefined) return false;
    try {
      if (await step.isDone()) {
        reporter.skipped(step.name);
        return true;
      }
      const started = performance.now();
      reporter.started(step.name);
      await step.run({ say: (text) => reporter.say(step.name, text), log: (text) => reporter.log(text) });
      reporter.finished(step.name, performance.now() - started);
      return true;
    } catch (cause) {
      const failure = new StepFailed(step.name, cause);
      reporter.failed(step.name, cause);
      firstFailure ??= failure;
      return false;
    }
  };

  for (const step of steps) outcomes.set(step.name, bringAbout(step));
  await Promise.all(outcomes.values());
  if (firstFailure !== undefined) throw firstFailure;
}

/** Steps are listed after what they need: that rules out cycles and reads in the order in which things happen. */
function assertOrder(steps: readonly Step[]): void {
  const seen = new Set<string>();
  for (const step of steps) {
    for (const need of step.needs) {
      if (!seen.has(need)) throw new Error(`step "${step.name}" needs "${need}", which is not listed before it`);
    }
    if (seen.has(step.name)) throw new Error(`step "${step.name}" is listed twice`);
    seen.add(step.name);
  }
}
