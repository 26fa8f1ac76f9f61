import type { MachineSize } from "../runtime.ts";
import type { NetworkSlot } from "../../network/slot.ts";
import { AGENT_PATH, AGENT_PORT, TOKEN_VARIABLE } from "./addresses.ts";
import { userMappings } from "./user-range.ts";
import { volumeDevice } from "./volume-mounts.ts";

/** Layouts of containers with their files in memory and on a disk. What changes here changes what a checkpoint can be restored into: bump it. */
export const CONTAINER_LAYOUTS = { memory: "gvisor-4", disk: "gvisor-disk-2" } as const;

const MIB = 1_048_576;
const CPU_PERIOD_US = 100_000;
/** Of the memory, that the writable layer may take: what is left keeps programs alive when it is full. */
const OVERLAY_SHARE = 0.75;

/** All that root of a machine of one's own may do and gVisor knows: the sentry is the boundary, not these. */
const CAPABILITIES = [
  "AUDIT_CONTROL",
  "AUDIT_WRITE",
  "CHOWN",
  "DAC_OVERRIDE",
  "DAC_READ_SEARCH",
  "FOWNER",
  "FSETID",
  "IPC_LOCK",
  "IPC_OWNER",
  "KILL",
  "LEASE",
  "LINUX_IMMUTABLE",
  "MKNOD",
  "NET_ADMIN",
  "NET_BIND_SERVICE",
  "NET_BROADCAST",
  "NET_RAW",
  "SETFCAP",
  "SETGID",
  "SETPCAP",
  "SETUID",
  "SYS_ADMIN",
  "SYS_BOOT",
  "SYS_CHROOT",
  "SYS_NICE",
  "SYS_PTRACE",
  "SYS_RESOURCE",
  "SYS_TTY_CONFIG",
].map((name) => `CAP_${name}`);

export interface ContainerPlan {
  readonly slot: NetworkSlot;
  readonly size: MachineSize;
  /** The template's root file system, read by the sentry itself: no file of the host is in reach. Absent: what is at `rootDir`. */
  readonly erofs?: string | undefined;
  /** Whether the build that reads this can bound the writable layer. */
  readonly boundsLayer: boolean;
  /** What the machine's disk is mounted on; else an empty folder. */
  readonly rootDir: string;
  /** Folders that become the places of volumes; of a container with a disk. */
  readonly volumeDirs: readonly string[];
  /** Name of the netns with the guest's end of the slot. */
  readonly netns: string;
  /** What the agent lets in at first. A restored one has the token of its image. */
  readonly token: string;
  /** Restored, not booted: it is given its network when it is created. */
  readonly isRestored: boolean;
}

/** The writable layer's bound in MiB. It is memory, and part of every checkpoint. */
export const overlayMb = (size: MachineSize): number => Math.floor(size.memoryMb * OVERLAY_SHARE);

const inMemory = (erofs: string, { size, boundsLayer }: ContainerPlan): Record<string, string> => ({
  "dev.gvisor.spec.rootfs.source": erofs,
  "dev.gvisor.spec.rootfs.type": "erofs",
  "dev.gvisor.spec.rootfs.overlay": "memory",
  ...(boundsLayer ? { "dev.gvisor.spec.rootfs.options": `size=${overlayMb(size)}m` } : {}),
});

/** The container as OCI's runtime specification says it. */
export function containerSpec(plan: ContainerPlan): Record<string, unknown> {
  const { slot, size } = plan;
  const memory = (destination: string, mode: string) => ({
    destination,
    type: "tmpfs",
    source: "tmpfs",
    options: ["nosuid", "nodev", `mode=${mode}`],
  });
  return {
    ociVersion: "1.0.0",
    process: {
      terminal: false,
      user: { uid: 0, gid: 0 },
      args: [AGENT_PATH, "--listen", `tcp:${AGENT_PORT}`, "--token-variable", TOKEN_VARIABLE, "--host", slot.gatewayIp],
      env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", `${TOKEN_VARIABLE}=${plan.token}`],
      cwd: "/",
      capabilities: { bounding: CAPABILITIES, effective: CAPABILITIES, permitted: CAPABILITIES },
      rlimits: [{ type: "RLIMIT_NOFILE", soft: 8192, hard: 524_288 }],
    },
    root: { path: plan.rootDir, readonly: false },
    hostname: "pandastack",
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      { destination: "/dev", type: "tmpfs", source: "tmpfs" },
      { destination: "/dev/pts", type: "devpts", source: "devpts" },
      memory("/dev/shm", "1777"),
      { destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", "ro"] },
      memory("/run", "755"),
      memory("/tmp", "1777"),
      ...plan.volumeDirs.map((source, drive) => ({
        destination: volumeDevice(drive),
        type: "bind",
        source,
        options: ["nosuid", "nodev", "rw"],
      })),
    ],
    annotations: {
      ...(plan.erofs !== undefined && inMemory(plan.erofs, plan)),
      // Read by our own runsc (native/runsc), and by it alone.
      ...(plan.isRestored && { "dev.pandastack.network": "created" }),
    },
    linux: {
      namespaces: [
        ...["pid", "ipc", "uts", "mount", "user"].map((type) => ({ type })),
        { type: "network", path: `/run/netns/${plan.netns}` },
      ],
      uidMappings: userMappings(slot),
      gidMappings: userMappings(slot),
      // What /proc/meminfo and nproc say inside. The limits themselves are our cgroup's.
      resources: {
        memory: { limit: size.memoryMb * MIB },
        cpu: { quota: size.cpus * CPU_PERIOD_US, period: CPU_PERIOD_US },
      },
    },
  };
}
