/** What a shell says of a program that was killed. */
const KILLED_EXIT_CODE = 137;

/**
 * On an older Node, `bin/pandastack.mjs` starts this program and waits. Where that one is killed, this one ends as if it had been
 * itself: nobody is there to read, and what it holds open in a sandbox would stay so.
 */
export function endWithParent(): void {
  if (process.channel === undefined) return;
  process.once("disconnect", () => process.exit(KILLED_EXIT_CODE));
  // Listening alone is no reason to go on.
  process.channel?.unref();
}
