/** Where a sandbox is in its life. */
export type SandboxStatus = "creating" | "running" | "paused" | "stopping" | "hibernated" | "failed" | "deleted";

/** A sandbox as the server describes it; the names are the wire's. */
export interface SandboxInfo {
  /** 20 characters of `[a-z0-9]`. */
  id: string;
  template: string;
  status: SandboxStatus;
  cpu: number;
  memory_mb: number;
  /** `qemu`, … */
  runtime: string;
  /** What stands between the sandbox and the host: `microvm-kvm`, `microvm-tcg`, … */
  isolation: string;
  /** The sandbox's own address on the host's side, unlike the address inside. */
  guest_ip?: string;
  metadata?: Record<string, string>;
  from_snapshot?: string;
  /** From the command's arrival at the host until the guest answered. */
  boot_ms?: number;
  boot_mode?: string;
  created_at: string;
}

export interface LifecycleInfo {
  /** Idle time after which the sandbox is removed; 0: never. */
  ttl_seconds: number;
  /** Never removed for being idle; its disk outlives its VMM. */
  persistent: boolean;
  idle_seconds: number;
}

export interface PromoteResult {
  winner: string;
  tree_id: string;
  /** Siblings that were removed. */
  deleted: string[];
  /** Siblings that could not be, and why. */
  failures: Record<string, string>;
}
