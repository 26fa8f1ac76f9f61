import type { NetworkSlot } from "../../network/slot.ts";

export interface JailOptions {
  readonly slot: NetworkSlot;
  /** Root folder that holds the VMM and its libraries and nothing else; read-only. */
  readonly vmmRoot: string;
  /** The machine's folder, seen as /vm. */
  readonly machineDir: string;
  /** Device nodes that the slot's user may open. */
  readonly nodesDir: string;
  /** Its sockets, seen as /run. */
  readonly runDir: string;
  /** Files of the host shown in the jail, read-only: kernel and initrd while booting. */
  readonly readOnlyFiles: readonly { from: string; to: string }[];
  readonly withKvm: boolean;
  /** Descriptor number (in the child) that bwrap reports the VMM's pid on. */
  readonly infoFd: number;
}

/**
 * Argument vector that runs a program as the slot's user, in the slot's network namespace and in mount, IPC and UTS namespaces
 * of its own, without capabilities, with nothing of the host but its folder, its tap and a read-only tree of libraries.
 * Device nodes are the machine's own: the host's keep their modes.
 */
export function jailCommand(options: JailOptions): string[] {
  const { slot } = options;
  const binds = options.readOnlyFiles.flatMap(({ from, to }) => ["--ro-bind", from, to]);
  const kvm = options.withKvm ? ["--dev-bind", `${options.nodesDir}/kvm`, "/dev/kvm"] : [];
  return [
    "nsenter",
    `--net=/run/netns/${slot.netns}`,
    "--",
    "bwrap",
    "--unshare-ipc",
    "--unshare-uts",
    "--info-fd",
    String(options.infoFd),
    "--ro-bind",
    options.vmmRoot,
    "/",
    "--tmpfs",
    "/dev",
    "--tmpfs",
    "/tmp",
    "--dev-bind",
    "/dev/null",
    "/dev/null",
    "--perms",
    "0755",
    "--dir",
    "/dev/net",
    "--dev-bind",
    `${options.nodesDir}/tun`,
    "/dev/net/tun",
    ...kvm,
    "--bind",
    options.machineDir,
    "/vm",
    "--bind",
    options.runDir,
    "/run",
    ...binds,
    "--chdir",
    "/vm",
    "--",
    "/usr/bin/setpriv",
    `--reuid=${slot.uid}`,
    `--regid=${slot.uid}`,
    "--clear-groups",
    "--inh-caps=-all",
    "--bounding-set=-all",
    "--no-new-privs",
    "--",
  ];
}
