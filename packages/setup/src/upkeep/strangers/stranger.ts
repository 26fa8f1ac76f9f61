/** Something on this host that belongs to no server any more, and how to be rid of it. */
export interface Stranger {
  readonly kind:
    | "network"
    | "run folder"
    | "loop device"
    | "build"
    | "unfinished build"
    | "record"
    | "template"
    | "file";
  /** A path, or a name in the kernel. */
  readonly what: string;
  /** Why nobody needs it. */
  readonly why: string;
  /** On disk; what it shares with others counts. */
  readonly bytes: number;
  /** Throws where somebody has begun to use it. Repeatable. */
  readonly remove: () => Promise<void>;
}
