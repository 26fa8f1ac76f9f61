import type { Lifecycle, Sandbox } from "@pandastack/contracts";
import type { SandboxRow } from "../persistence/tables.ts";

const moment = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString());

const shownVolume = ({ name, path, readOnly }: SandboxRow["volumes"][number]) => ({ name, path, read_only: readOnly });

/** A sandbox as the API shows it. */
export function sandboxInfo(row: SandboxRow): Sandbox {
  return {
    id: row.id,
    workspace: row.workspace,
    template: row.template,
    status: row.status,
    ...(row.reason === null ? {} : { reason: row.reason }),
    cpu: row.cpu,
    memory_mb: row.memory_mb,
    disk_mb: row.disk_mb,
    guest_ip: row.guest_ip ?? "",
    host_tap: row.host_tap ?? "",
    mac: row.mac,
    // The channel to the guest is a virtio-serial port; there is no vsock.
    vsock_cid: 0,
    metadata: row.metadata,
    ...(row.from_snapshot === null ? {} : { from_snapshot: row.from_snapshot }),
    ...(row.volumes.length === 0 ? {} : { volumes: row.volumes.map(shownVolume) }),
    boot_ms: row.boot_ms,
    boot_mode: row.boot_mode,
    runtime: row.runtime,
    isolation: row.isolation,
    persistent: row.persistent,
    network: { egress: row.network.egress },
    egress_mbps: row.network.egressMbps,
    ttl_seconds: row.ttl_seconds,
    on_idle: row.on_idle,
    idle_timeout_seconds: row.idle_timeout_seconds,
    created_at: row.created_at.toISOString(),
    last_activity_at: new Date(row.last_activity_ms).toISOString(),
    expires_at: moment(row.expires_ms),
  };
}

export function lifecycleInfo(row: SandboxRow & { now_ms: number }): Lifecycle {
  return {
    ttl_seconds: row.ttl_seconds,
    persistent: row.persistent,
    idle_seconds: Math.max(0, Math.floor((row.now_ms - row.last_activity_ms) / 1000)),
    expires_at: moment(row.expires_ms),
    on_idle: row.on_idle,
    idle_timeout_seconds: row.idle_timeout_seconds,
    idles_at: moment(row.idles_ms),
  };
}
