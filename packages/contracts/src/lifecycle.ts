/**
 * The states of a sandbox and what each operation does in them. The one place that knows; control plane, SDK and CLI ask it.
 *
 *            create                 pause
 *        ──► creating ──► running ◄────────► paused
 *                │          │ ▲     resume     │
 *                │ hibernate│ │wake, or use    │ hibernate
 *                ▼          ▼ │                ▼
 *             failed ◄─── hibernated ◄─────────┘            delete, from anywhere ──► deleted
 *
 * creating    a row and a command to a host exist; nobody can use it yet. POST answers when it is over.
 * running     its guest answers: exec works at once.
 * paused      its memory stays on the host and no instruction runs in it.
 * hibernated  memory, devices and disk are on disk and no process belongs to it. One that is persistent and whose machine has
 *             died, or whose host was restarted, has its disk alone, and its reason says so: it starts cold from it.
 * stopping    (on the wire for other servers' sake; this one never shows it)
 * failed      its machine died, and it is not persistent, or its machines die one after the other. Its disk may be there: a wake
 *             starts it cold from it, where that is so.
 * deleted     gone; only its tombstone answers, and that only to a repeated delete.
 */
export const sandboxStates = ["creating", "running", "paused", "stopping", "hibernated", "failed", "deleted"] as const;
export type SandboxState = (typeof sandboxStates)[number];

/** What can be done to a sandbox, as far as its state matters. `use` is whatever needs a living guest: commands, files, terminals. */
export const lifecycleVerbs = [
  "use",
  "pause",
  "resume",
  "hibernate",
  "wake",
  "snapshot",
  "fork",
  "configure",
  "delete",
] as const;
export type LifecycleVerb = (typeof lifecycleVerbs)[number];

export type LifecycleStep =
  /** Do it; afterwards the sandbox is in `to`. */
  | { readonly kind: "run"; readonly to: SandboxState }
  /** It is so already: answer success. */
  | { readonly kind: "nothing"; readonly to: SandboxState }
  /** Wake it, then do it. */
  | { readonly kind: "wake-first"; readonly to: SandboxState }
  /** `why` completes "the sandbox …" and says what would help. */
  | { readonly kind: "refuse"; readonly why: string };

const run = (to: SandboxState): LifecycleStep => ({ kind: "run", to });
const nothing = (to: SandboxState): LifecycleStep => ({ kind: "nothing", to });
const wakeFirst = (to: SandboxState): LifecycleStep => ({ kind: "wake-first", to });
const refuse = (why: string): LifecycleStep => ({ kind: "refuse", why });

const stillCreating = refuse("is still being created; try again once its create has answered");
const isFailed = refuse("has failed; wake it to start it from its disk, where that survived, or delete it");
const isStopping = refuse("is stopping; try again in a moment");
const isDeleted = refuse("is deleted");

const table: Record<SandboxState, Record<LifecycleVerb, LifecycleStep>> = {
  creating: everything(stillCreating, { delete: run("deleted"), configure: run("creating") }),
  running: {
    use: run("running"),
    pause: run("paused"),
    resume: nothing("running"),
    hibernate: run("hibernated"),
    wake: nothing("running"),
    snapshot: run("running"),
    fork: run("running"),
    configure: run("running"),
    delete: run("deleted"),
  },
  paused: {
    use: refuse("is paused; resume or wake it first"),
    pause: nothing("paused"),
    resume: run("running"),
    hibernate: run("hibernated"),
    wake: run("running"),
    snapshot: run("paused"),
    fork: run("paused"),
    configure: run("paused"),
    delete: run("deleted"),
  },
  stopping: everything(isStopping, { delete: run("deleted") }),
  hibernated: {
    use: wakeFirst("running"),
    pause: wakeFirst("paused"),
    resume: run("running"),
    hibernate: nothing("hibernated"),
    wake: run("running"),
    snapshot: wakeFirst("running"),
    fork: run("hibernated"),
    configure: run("hibernated"),
    delete: run("deleted"),
  },
  failed: everything(isFailed, { wake: run("running"), configure: run("failed"), delete: run("deleted") }),
  deleted: everything(isDeleted, { delete: nothing("deleted") }),
};

function everything(
  step: LifecycleStep,
  except: Partial<Record<LifecycleVerb, LifecycleStep>>,
): Record<LifecycleVerb, LifecycleStep> {
  const row = Object.fromEntries(lifecycleVerbs.map((verb) => [verb, step])) as Record<LifecycleVerb, LifecycleStep>;
  return { ...row, ...except };
}

/** What `verb` does to a sandbox in `state`. Pure. */
export function step(state: SandboxState, verb: LifecycleVerb): LifecycleStep {
  return table[state][verb];
}
