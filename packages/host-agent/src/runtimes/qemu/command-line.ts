import { GUEST_IP_CIDR, GUEST_GATEWAY } from "./addresses.ts";
import type { MachineSize } from "../runtime.ts";
import { EMULATED_CPU, hostTscKhz } from "./cpu-features.ts";

export interface CommandLineOptions {
  readonly qemuPath: string;
  readonly kvm: boolean;
  readonly size: MachineSize;
  readonly tap: string;
  readonly mac: string;
  /** `boot`: from kernel and initrd, over memory and disk that are there. `blank`: memory and disk are told later, see `shape.ts`. */
  readonly start: { readonly kind: "boot"; readonly durable: boolean } | { readonly kind: "blank" };
}

export const JAIL_KERNEL = "/tmp/vmlinux";
export const JAIL_INITRD = "/tmp/initrd";
/** Drives that volumes take the place of at restore: the set of devices is frozen when a template is baked. */
export const PLACEHOLDER_DRIVES = 4;
/** What a placeholder pretends to hold. */
const PLACEHOLDER_BYTES = 1_048_576;
/** Translated code of an emulated guest; QEMU's default of 1 GiB would count against every sandbox. */
const TRANSLATION_CACHE_MB = 256;
/** Newest console output kept for `logs`, in the VMM's memory: a guest cannot fill a disk with it. */
export const CONSOLE_RING_BYTES = 65_536;
export const CONSOLE_ID = "console";
/** In the machine's run folder: says what the ring gets, while somebody listens. */
export const CONSOLE_SOCKET = "console.sock";

/** The machine's layout. Whatever changes here changes every image's key: bump `MACHINE_LAYOUT`. */
export const MACHINE_LAYOUT = "microvm-1";

const MEMORY_ID = "mem";
const ROOT_DISK_ID = "root";

/** The guest's memory: a private mapping of the image's file, which is never written. As QMP's `object-add` wants it. */
export const memoryBackend = (memoryMb: number) => ({
  "qom-type": "memory-backend-file",
  id: MEMORY_ID,
  size: memoryMb * 1_048_576,
  "mem-path": "/vm/memory",
  share: false,
  readonly: true,
  rom: "off",
});

/**
 * The root disk, as QMP's `blockdev-add` wants it. Durable: the guest's flushes reach the pool's disk. Else they end in the
 * host's page cache, which outlives the VMM but not the host.
 */
export const rootDisk = (durable: boolean) => ({
  "node-name": ROOT_DISK_ID,
  driver: "raw",
  discard: "unmap",
  cache: { "no-flush": !durable },
  file: { driver: "file", filename: "/vm/disk", aio: "threads", locking: "off" },
});

/** Paths are those inside the jail; see `jail.ts`. */
export function qemuArguments(options: CommandLineOptions): string[] {
  const { size } = options;
  const placeholders = Array.from({ length: PLACEHOLDER_DRIVES }, (_, i) => [
    "-blockdev",
    `driver=null-co,node-name=volume${i},size=${PLACEHOLDER_BYTES},read-zeroes=on`,
    "-device",
    `virtio-blk-device,drive=volume${i},id=volume${i}-device`,
  ]).flat();
  const { start } = options;
  const isBoot = start.kind === "boot";
  const kernel = isBoot
    ? ["-kernel", JAIL_KERNEL, "-initrd", JAIL_INITRD, "-append", kernelCommandLine(options.kvm)]
    : ["-preconfig", "-incoming", "defer", "-global", "migration.send-configuration=off"];
  return [
    options.qemuPath,
    "-M",
    `microvm,pit=on,pic=on,rtc=on${isBoot ? `,memory-backend=${MEMORY_ID}` : ""}`,
    "-accel",
    options.kvm ? "kvm" : `tcg,thread=multi,tb-size=${TRANSLATION_CACHE_MB}`,
    "-cpu",
    options.kvm ? "host,-arch-capabilities" : EMULATED_CPU,
    "-m",
    String(size.memoryMb),
    "-smp",
    String(size.cpus),
    ...(isBoot ? ["-object", JSON.stringify(memoryBackend(size.memoryMb))] : []),
    "-nodefaults",
    "-no-user-config",
    "-nographic",
    "-no-reboot",
    "-S",
    "-sandbox",
    "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
    "-chardev",
    `ringbuf,id=${CONSOLE_ID},size=${CONSOLE_RING_BYTES}`,
    "-chardev",
    `socket,id=${CONSOLE_ID}-live,path=/run/${CONSOLE_SOCKET},server=on,wait=off`,
    // In this order: what the socket says can be read from the ring already.
    "-chardev",
    `hub,id=${CONSOLE_ID}-all,chardevs.0=${CONSOLE_ID},chardevs.1=${CONSOLE_ID}-live`,
    "-serial",
    `chardev:${CONSOLE_ID}-all`,
    ...(isBoot ? ["-blockdev", JSON.stringify(rootDisk(start.durable))] : []),
    "-device",
    `virtio-blk-device,drive=${ROOT_DISK_ID},id=root-device`,
    ...placeholders,
    "-netdev",
    `tap,id=net,ifname=${options.tap},script=no,downscript=no`,
    // A restored guest has nothing to announce: its addresses are the slot's, and telling the network costs it a long way.
    "-device",
    `virtio-net-device,netdev=net,mac=${options.mac},guest_announce=off`,
    "-device",
    "virtio-serial-device,id=serial",
    "-chardev",
    "socket,id=agent,path=/run/agent.sock,server=on,wait=off",
    "-device",
    "virtserialport,chardev=agent,name=pandastack.agent",
    "-device",
    "virtio-balloon-device",
    "-object",
    "rng-builtin,id=rng",
    "-device",
    "virtio-rng-device,rng=rng",
    "-qmp",
    "unix:/run/qmp.sock,server=on,wait=off",
    ...kernel,
  ];
}

function kernelCommandLine(kvm: boolean): string {
  return [
    "console=ttyS0",
    "quiet",
    "loglevel=3",
    "reboot=t",
    "panic=-1",
    "mitigations=off",
    "ipv6.disable=1",
    // The VM is the boundary. What the kernel does not do it does not have to translate, in emulation, after every restore.
    "lsm=",
    "apparmor=0",
    "audit=0",
    "psi=0",
    "init_on_alloc=0",
    "nowatchdog",
    ...(kvm ? [] : emulatedClock()),
    `pandastack.ip=${GUEST_IP_CIDR}`,
    `pandastack.gw=${GUEST_GATEWAY}`,
    `pandastack.dns=${GUEST_GATEWAY}`,
  ].join(" ");
}

/** Loops a jiffy for delays: with it and the clock's rate known nothing is left to calibrate. */
const LOOPS_PER_JIFFY = 10_000_000;

/**
 * An emulated guest's time stamp counter is the host's. Its rate is told, since a guest that measures it against an emulated
 * timer takes seconds on an idle host, and on a busy one hangs for good. `no_timer_check` for the same reason.
 */
function emulatedClock(): string[] {
  return [
    `tsc_early_khz=${hostTscKhz()}`,
    "tsc=reliable",
    "no_timer_check",
    `lpj=${LOOPS_PER_JIFFY}`,
    "nokaslr",
    "hardened_usercopy=off",
    "randomize_kstack_offset=off",
  ];
}
