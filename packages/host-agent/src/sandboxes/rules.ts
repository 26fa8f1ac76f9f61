import type { HostSandboxState } from "@pandastack/contracts/host";
import { Refusal } from "@pandastack/platform";

/**
 * Which command may meet which state. `done`: nothing to do, and that is a success (a repeated command, a race of two
 * clients that want the same).
 *
 *              running   paused    hibernated   failed
 *   pause      go        done      refuse       refuse
 *   resume     done      go        refuse       refuse
 *   hibernate  go        go        done         refuse
 *   wake       done      go        go           go, from its disk
 *   snapshot   go        go        go           refuse
 *   fork       go        go        go           refuse
 *   guest      go        refuse    refuse       refuse
 */
export type StateCommand = "pause" | "resume" | "hibernate" | "wake" | "snapshot" | "fork" | "guest";
export type Verdict = "go" | "done" | "refuse";

const table: Record<StateCommand, Record<HostSandboxState, Verdict>> = {
  pause: { running: "go", paused: "done", hibernated: "refuse", failed: "refuse" },
  resume: { running: "done", paused: "go", hibernated: "refuse", failed: "refuse" },
  hibernate: { running: "go", paused: "go", hibernated: "done", failed: "refuse" },
  wake: { running: "done", paused: "go", hibernated: "go", failed: "go" },
  snapshot: { running: "go", paused: "go", hibernated: "go", failed: "refuse" },
  fork: { running: "go", paused: "go", hibernated: "go", failed: "refuse" },
  guest: { running: "go", paused: "refuse", hibernated: "refuse", failed: "refuse" },
};

/** Throws the refusal; answers whether there is something to do. */
export function mayRun(
  command: StateCommand,
  sandbox: { id: string; state: HostSandboxState; reason: string | null },
): boolean {
  const verdict = table[command][sandbox.state];
  if (verdict !== "refuse") return verdict === "go";
  const why =
    sandbox.state === "failed"
      ? `it has failed${sandbox.reason ? ` (${sandbox.reason})` : ""}`
      : `it is ${sandbox.state}`;
  const remedy =
    sandbox.state === "paused" ? "; resume it first" : sandbox.state === "hibernated" ? "; wake it first" : "";
  throw new Refusal("sandbox.invalid_state", `cannot ${phrase[command]} sandbox ${sandbox.id}: ${why}${remedy}`);
}

const phrase: Record<StateCommand, string> = {
  pause: "pause",
  resume: "resume",
  hibernate: "hibernate",
  wake: "wake",
  snapshot: "take a snapshot of",
  fork: "fork",
  guest: "use the inside of",
};
