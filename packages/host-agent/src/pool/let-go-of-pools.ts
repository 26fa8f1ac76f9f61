/**
 * Shell commands for the beginning of a new mount namespace. Its copy of the host's mounts would keep every server's storage
 * pool in use for as long as the namespace lives, so they are let go, all that there are when it has been made. (As slaves they
 * would follow the host's own unmounting, but only where the host shares its mounts.) What cannot be unmounted is not there any
 * more. `grep`, since a shell reads a table of mounts, which has some for each sandbox, byte by byte.
 */
export const LET_GO_OF_POOLS =
  "grep -E '^([^ ]+ ){4}[^ ]*/pool .* - xfs /dev/loop' /proc/self/mountinfo | " +
  'while read -r _ _ _ _ path _; do umount -l "$(printf %b "$path")" 2>/dev/null; done';
