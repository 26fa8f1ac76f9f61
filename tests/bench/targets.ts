import type { Target } from "./stats.ts";

/** What docs/specification.md promises of both kinds of sandboxes: one is a machine in emulation. */
interface Targets {
  readonly create: Target;
  readonly createsASecond: Target;
  readonly firstExec: Target;
  readonly tenthExec: Target;
  /** Of a sandbox whose snapshot has a kernel in it. */
  readonly firstCell: Target;
  readonly laterCell: Target;
  readonly fork: Target;
  readonly tenChildren: Target;
  /** Of a parent that has filled its memory; a virtual machine has a kernel of its own in the same memory. */
  readonly forkLarge: Target | undefined;
  readonly hibernate: Target;
  readonly wake: Target;
  readonly idleMemory: Target;
}

const MICROVM: Targets = {
  create: { atMost: 80, p99AtMost: 250 },
  createsASecond: { atLeast: 12 },
  firstExec: { atMost: 150 },
  tenthExec: { atMost: 40 },
  firstCell: { atMost: 300 },
  laterCell: { atMost: 60 },
  fork: { atMost: 250 },
  tenChildren: { atMost: 1200 },
  forkLarge: undefined,
  hibernate: { atMost: 400 },
  wake: { atMost: 120 },
  idleMemory: { atMost: 30 },
};

const GVISOR: Targets = {
  create: { atMost: 60, p99AtMost: 180 },
  createsASecond: { atLeast: 15 },
  firstExec: { atMost: 25 },
  tenthExec: { atMost: 12 },
  firstCell: { atMost: 120 },
  laterCell: { atMost: 15 },
  fork: { atMost: 150 },
  tenChildren: { atMost: 900 },
  forkLarge: { atMost: 400 },
  hibernate: { atMost: 120 },
  wake: { atMost: 80 },
  idleMemory: { atMost: 18 },
};

/** By the runtime that the server gave to a sandbox that asked for none. */
export const targetsOf = (runtime: string): Targets => (runtime === "gvisor" ? GVISOR : MICROVM);
