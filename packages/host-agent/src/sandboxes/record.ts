import {
  OPEN_NETWORK,
  type BootMode,
  type HostNetwork,
  type HostSandbox,
  type HostSandboxState,
  type Isolation,
  type RuntimeName,
} from "@pandastack/contracts/host";
import type { MachineRecord } from "../runtimes/runtime.ts";
import type { AttachedVolume } from "./volumes/registry.ts";

/** Why a sandbox failed whose VMM was ended at the limit of its cgroup. Its guest alone can't cause that. */
export const OUT_OF_MEMORY =
  "its virtual machine monitor ran out of the memory that its machine may use, and was ended";

/** A sandbox in the journal. */
export interface SandboxRecord {
  readonly id: string;
  readonly state: HostSandboxState;
  readonly runtime: RuntimeName;
  readonly isolation: Isolation;
  readonly template: string;
  readonly templateKey: string;
  readonly fromSnapshot: string | null;
  readonly mac: string;
  readonly cpus: number;
  readonly memoryMb: number;
  readonly diskMb: number;
  readonly persistent: boolean;
  /** The wanted policy. Missing in records from before there were any: everything was open. */
  readonly network?: HostNetwork;
  readonly env: Readonly<Record<string, string>>;
  readonly bootMode: BootMode;
  readonly bootMs: number;
  /** Why it has failed, or has lost its memory and will start from its disk. */
  readonly reason: string | null;
  /** Machines of it that died one after the other, each soon after its start. Absent: none. */
  readonly deaths?: number;
  /** Its machine has died, and it is to be started again without being asked. Only of persistent ones without a machine. */
  readonly restartDue?: boolean;
  readonly createdAt: string;
  /** Absent: none, and in records of before there were any. */
  readonly volumes?: readonly AttachedVolume[];
  /** Set while running or paused. */
  readonly machine: MachineRecord | null;
}

export const networkOf = (record: Pick<SandboxRecord, "network">): HostNetwork => record.network ?? OPEN_NETWORK;

export function toHostSandbox(record: SandboxRecord): HostSandbox {
  const { templateKey: _key, env: _env, deaths: _deaths, restartDue: _due, machine, volumes = [], ...rest } = record;
  const plain = volumes.map(({ volumeId, name, path, readOnly }) => ({ volumeId, name, path, readOnly }));
  return {
    ...rest,
    ...(plain.length === 0 ? {} : { volumes: plain }),
    network: networkOf(record),
    guestIp: machine?.slot.hostIp ?? null,
    hostTap: machine?.slot.tap ?? null,
  };
}
