/**
 * What set-up has built on this machine and the host agent needs, as absolute paths into the content-addressed cache
 * (`PANDASTACK_CACHE_DIR`). Written by set-up as `artifacts.json` in the data folder. Every `key` is a hash over what
 * the thing was made from.
 */
export interface Artifacts {
  /** A small root folder that holds the VMM and its libraries and nothing else: the jail's read-only root. */
  vmm: { root: string; qemuPath: string; version: string; key: string };
  kernel: { path: string; version: string; key: string };
  /** Guest agent as /init and the kernel modules it loads. */
  initrd: { path: string; key: string; agentKey: string };
  /** ext4 root file systems by template name. */
  rootfs: Record<string, { path: string; key: string; diskMb: number }>;
  /** Absent on hosts without gVisor; `gvisorMissing` then says why. */
  gvisor?: {
    /** `<cache>/runsc/<key>/runsc`: builds that older snapshots need lie beside it, by their keys. */
    runsc: string;
    /** Whether the folder `gvisor-bin` with the sentry lies beside it. */
    sidecars: boolean;
    version: string;
    key: string;
    /** The guest agent's program. */
    agent: string;
    /** Root file systems by template name, with the guest agent inside. */
    erofs: Record<string, { path: string; key: string }>;
  };
  gvisorMissing?: string;
}
