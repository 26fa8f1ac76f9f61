/** Where in the network a machine stands: plain data, handed to runtimes and kept in the journal. */
export interface NetworkSlot {
  /** 0–16,383, unique on the host. */
  readonly number: number;
  readonly netns: string;
  /** Name of the tap inside the netns. */
  readonly tap: string;
  readonly mac: string;
  /** The slot's address as the host dials it, in 10.200.0.0/16. */
  readonly hostIp: string;
  /** The same in every slot. */
  readonly guestIp: string;
  readonly gatewayIp: string;
  /** The uid and gid that the slot's machine runs as, unique on the host; owns the tap. */
  readonly uid: number;
}
