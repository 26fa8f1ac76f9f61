import { GUEST_IP_CIDR, GUEST_GATEWAY } from "./addresses.ts";
import type { MachineSize } from "../runtime.ts";
import { EMULATED_CPU, hostTscKhz } from "./cpu-features.ts";

export interface CommandLineOptions {
  readonly qemuPath: string;
  readonly kvm: boolean;
  readonly size: MachineSize;
  readonly tap: string;
  readonly mac: string;
  /** `boot`: from kernel and initrd, memory over an empty file. `restore`: over an image's memory, device state to be loaded. */
  readonly mode: "boot" | "restore";
  /** True: the guest's flushes reach the pool's disk. False: they end in the host's page cache, which survives the VMM but not the host. */
  readonly durable: boolean;
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
const CONSOLE_RING_BYTES = 65_536;

/** The machine's layout. Whatever changes here changes every image's key: bump `MACHINE_LAYOUT`. */
export const MACHINE_LAYOUT = "microvm-1";

/** Paths are those inside the jail; see `jail.ts`. */
export function qemuArguments(options: CommandLineOptions): string[] {
  const { size } = options;
  const flush = options.durable ? "cache.no-flush=off" : "cache.no-flush=on";
  const placeholders = Array.from({ length: PLACEHOLDER_DRIVES }, (_, i) => [
    "-blockdev",
    `driver=null-co,node-name=volume${i},size=${PLACEHOLDER_BYTES},read-zeroes=on`,
    "-device",
    `virtio-blk-device,drive=volume${i},id=volume${i}-device`,
  ]).flat();
  const kernel =
    options.mode === "boot"
      ? ["-kernel", JAIL_KERNEL, "-initrd", JAIL_INITRD, "-append", kernelCommandLine(options.kvm)]
      : ["-incoming", "defer", "-global", "migration.send-configuration=off"];
  return [
    options.qemuPath,
    "-M",
    "microvm,pit=on,pic=on,rtc=on,memory-backend=mem",
    "-accel",
    options.kvm ? "kvm" : `tcg,thread=multi,tb-size=${TRANSLATION_CACHE_MB}`,
    "-cpu",
    options.kvm ? "host,-arch-capabilities" : EMULATED_CPU,
    "-m",
    String(size.memoryMb),
    "-smp",
    String(size.cpus),
    "-object",
    `memory-backend-file,id=mem,size=${size.memoryMb}M,mem-path=/vm/memory,share=off,readonly=on,rom=off`,
    "-nodefaults",
    "-no-user-config",
    "-nographic",
    "-no-reboot",
    "-S",
    "-sandbox",
    "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
    "-chardev",
    `ringbuf,id=console,size=${CONSOLE_RING_BYTES}`,
    "-serial",
    "chardev:console",
    "-blockdev",
    `driver=raw,node-name=root,discard=unmap,${flush},file.driver=file,file.filename=/vm/disk,file.aio=threads,file.locking=off`,
    "-device",
    "virtio-blk-device,drive=root,id=root-device",
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
