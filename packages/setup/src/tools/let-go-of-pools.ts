/**
 * Shell commands for the beginning of a new mount namespace. Its copy of the host's mounts would keep every server's storage
 * pool in use for as long as the namespace lives, so they are let go. (As slaves they would follow the host's own unmounting,
 * but only where the host shares its mounts.)
 */
export const LET_GO_OF_POOLS =
  'while read -r _ _ _ _ path rest; do case "$path $rest" in */pool" "*" - xfs /dev/loop"*) umount -l "$(printf %b "$path")";; esac; done < /proc/self/mountinfo';
