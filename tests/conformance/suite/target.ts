import type { SandboxHost } from "@pandastack/host-agent/sandboxes/host";

/** A host agent over one runtime, opened for the suite alone. */
export interface Target {
  readonly host: SandboxHost;
  /** Folders in which a removed sandbox leaves nothing: the pool and the run folder. */
  readonly folders: readonly string[];
  /** A text in /proc/PID/mountinfo or /proc/PID/cgroup of this server's VMMs and of no one else's; undefined when the runtime has no processes. */
  readonly vmmMark: string | undefined;
  /** Texts of which every name that this server gives on the host (netns, link, rule, mount, cgroup) holds one. */
  readonly marks: readonly string[];
  /** The host agent's journal, an SQLite file. */
  readonly journal: string;
  /** Resolves when all that is made ahead is there; what comes later would count as left over. Absent: nothing is made ahead. */
  stocked?(): Promise<unknown>;
  /** The agent closes and another opens over the same folders; machines live on. */
  restart(): Promise<void>;
  /** The host goes down and comes up again: machines, memory, /run, mounts and links are gone, and its boot id is another. */
  reboot(): Promise<void>;
  /** Ends the machine of a sandbox from outside, as a crash of its VMM would. */
  killMachine(sandboxId: string): Promise<void>;
  /** Everything down, every file of this target removed. */
  close(): Promise<void>;
  /** What can't be said in POSIX sh for every guest. */
  readonly programs: {
    /** A shell command that listens on 127.0.0.1:PORT and says back what it hears, until it is killed. */
    echoServer(port: number): string;
  };
  /** Whether the guest's memory is other than this process's. */
  readonly guestIsOutside: boolean;
}

export type Origin = "fresh" | "restored" | "forked";
export const ORIGINS: readonly Origin[] = ["fresh", "restored", "forked"];
