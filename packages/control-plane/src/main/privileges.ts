/**
 * Gives up root for good, and makes sure of it. Everything that this process will ever load must have been loaded before:
 * the source tree may be readable by root alone.
 */
export function dropPrivileges(runAs: { readonly uid: number; readonly gid: number } | undefined): void {
  const { getuid, setgroups, setgid, setuid } = process;
  if (getuid === undefined || setgroups === undefined || setgid === undefined || setuid === undefined) {
    throw new Error("this platform has no user ids to give up");
  }
  if (getuid.call(process) !== 0) {
    if (runAs !== undefined && getuid.call(process) !== runAs.uid) {
      throw new Error(
        `PANDASTACK_UID is ${runAs.uid}, but this process runs as ${getuid.call(process)} and cannot change`,
      );
    }
    return;
  }
  if (runAs === undefined)
    throw new Error("refusing to serve as root: set PANDASTACK_UID and PANDASTACK_GID, or start as another user");
  setgroups.call(process, [runAs.gid]);
  setgid.call(process, runAs.gid);
  setuid.call(process, runAs.uid);
  verifyDropped(runAs);
}

function verifyDropped(runAs: { uid: number; gid: number }): void {
  const ids = [process.getuid?.(), process.geteuid?.(), process.getgid?.(), process.getegid?.()];
  const groups = process.getgroups?.() ?? [];
  const isDropped =
    ids[0] === runAs.uid &&
    ids[1] === runAs.uid &&
    ids[2] === runAs.gid &&
    ids[3] === runAs.gid &&
    groups.every((group) => group === runAs.gid);
  if (!isDropped) throw new Error("privileges were not given up: refusing to serve");
  try {
    process.setuid?.(0);
  } catch {
    return;
  }
  throw new Error("root can be taken back: refusing to serve");
}
