import { LET_GO_OF_POOLS } from "../../pool/index.ts";
import { mappingText, type UserMapping } from "./user-range.ts";

/** An image file whose file system a sandbox has, mounted where only its own processes see it. */
export interface DiskMount {
  readonly image: string;
  /** An empty folder in the machine's run folder. */
  readonly dir: string;
}

/**
 * A command in a mount namespace of its own, with the disks that the sandbox has and without any server's pool. A sandbox's
 * process makes its mount namespace out of the one that it was started in. So nobody else sees the disks, and with its last
 * process they are unmounted and their loop devices free, whoever ended it and whether anyone looks. A pool that stayed mounted
 * underneath could not be closed by a server that stops.
 */
export function withPrivateMounts(
  command: readonly string[],
  { disks, users }: { disks: readonly DiskMount[]; users: readonly UserMapping[] },
): string[] {
  const unshared = ["unshare", "--mount", "--propagation", "private", "--"];
  const mounts = disks.flatMap(({ image, dir }) => [image, dir]);
  return [
    ...unshared,
    ...["/bin/sh", "-c", START, "private-mounts", MAP_USERS, mappingText(users)],
    ...[String(disks.length), ...mounts, ...command],
  ];
}

/**
 * A fixed text: everything else are its arguments. The disks' inode tables are not written ahead, which would take room in the
 * pool for each sandbox. Blocks are given out at once (`nodelalloc`): a `sync` inside flushes only files that the sentry still has
 * open, and so the journal's commit that comes with it takes along all that was written to others. A disk that
 * cannot be mounted ends it.
 */
const START = `map=$1; users=$2; count=$3; shift 3
while [ "$count" -gt 0 ]; do
  mount -t ext4 -o loop,nosuid,nodev,noatime,noinit_itable,nodelalloc -- "$1" "$2" || exit 71
  perl -e "$map" "$users" "$2" || exit 72
  shift 2; count=$((count - 1))
done
${LET_GO_OF_POOLS}
exec "$@"`;

/**
 * Puts a copy of the mount in its place through which each user on the disk is seen as the one that it is for this slot: the disk
 * says 0 and 1000, whichever slot it is used in. As `mount -o X-mount.idmap` does it in newer versions of util-linux than Debian
 * 12 has; Perl is on every Debian. A user namespace is needed to say the mapping: a child has it for as long as it takes.
 */
const MAP_USERS = `use strict;
my ($UNSHARE, $UMOUNT, $OPEN_TREE, $MOVE_MOUNT, $MOUNT_SETATTR) = (272, 166, 428, 429, 442);
my ($map, $dir) = @ARGV;
pipe(my $ready, my $is_ready); pipe(my $done, my $is_done);
my $child = fork() // die "fork: $!";
if ($child == 0) {
  close $is_done;
  syscall($UNSHARE, 0x10000000) == 0 or die "unshare: $!";
  syswrite $is_ready, "x"; sysread $done, my $end, 1; exit 0;
}
close $is_ready; sysread $ready, my $begin, 1;
for my $name ("uid_map", "gid_map") {
  open my $file, ">", "/proc/$child/$name" or die "$name: $!";
  defined syswrite($file, $map) or die "$name: $!";
}
open my $users, "<", "/proc/$child/ns/user" or die "user namespace: $!";
my ($place, $empty, $attributes) = ("$dir", "", pack("Q4", 0x100000, 0, 0, fileno $users));
my $tree = syscall($OPEN_TREE, -100, $place, 1 | 0x80000);
$tree >= 0 or die "open_tree: $!";
syscall($MOUNT_SETATTR, $tree, $empty, 0x1000, $attributes, length $attributes) == 0 or die "mount_setattr: $!";
syscall($UMOUNT, $place, 2) == 0 or die "umount: $!";
syscall($MOVE_MOUNT, $tree, $empty, -100, $place, 4) == 0 or die "move_mount: $!";
close $is_done; waitpid $child, 0;`;
