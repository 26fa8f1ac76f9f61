/**
 * A command in a mount namespace of its own that has let go of every server's pool. A sandbox's process makes its mount namespace
 * out of the one that it was started in, and what it then leaves stays mounted underneath as long as it lives: the pool of a
 * server that stops, this one's too, could not be closed.
 */
export const withoutPools = (command: readonly string[]): string[] => [
  "unshare",
  "--mount",
  "--propagation",
  "private",
  "--",
  "/bin/sh",
  "-c",
  LET_GO,
  "let-go",
  ...command,
];

/** A fixed text; the command is its arguments. */
const LET_GO = `while read -r _ _ _ _ path rest; do
case "$path $rest" in */pool" "*" - xfs /dev/loop"*) umount -l "$(printf %b "$path")";; esac
done </proc/self/mountinfo
exec "$@"`;
