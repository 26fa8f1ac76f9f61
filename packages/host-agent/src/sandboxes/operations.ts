import { createHash } from "node:crypto";
import type { HostCommand, HostOperation } from "@pandastack/contracts/host";
import { Refusal } from "@pandastack/platform";
import type { Change, Journal } from "../journal/journal.ts";
import type { Answering, Commit } from "./commit.ts";

/**
 * Makes commands repeatable: one with an id that is under way joins it, one with an id that has answered gets that answer
 * again, and nothing is done twice. Only successes are remembered: a refused command may be tried again under its id.
 */
export class Operations {
  readonly #underWay = new Map<string, { hash: string; command: HostCommand; result: Promise<unknown> }>();
  readonly #journal: Journal;
  readonly #commit: Commit;

  constructor(journal: Journal, commit: Commit) {
    this.#journal = journal;
    this.#commit = commit;
  }

  async run(
    operation: HostOperation,
    work: (command: HostCommand, answering: Answering) => Promise<unknown>,
  ): Promise<unknown> {
    const { operationId, hostId, epoch, command } = operation;
    if (
      (hostId !== undefined && hostId !== this.#journal.hostId) ||
      (epoch !== undefined && epoch !== this.#journal.epoch)
    ) {
      throw new Refusal("host.wrong_epoch", "this host was set up anew since the command was made");
    }
    const hash = createHash("sha256").update(JSON.stringify(command)).digest("hex");
    const finished = this.#journal.operation(operationId);
    if (finished) {
      requireSame(operationId, hash, finished.commandHash);
      return finished.result;
    }
    const before = this.#underWay.get(operationId);
    if (before) {
      requireSame(operationId, hash, before.hash);
      return before.result;
    }
    const answering: Answering = <T>(changes: readonly Change[], result: T): T => {
      this.#commit(changes, { operationId, commandHash: hash, result });
      return result;
    };
    const result = work(command, answering);
    this.#underWay.set(operationId, { hash, command, result });
    try {
      return await result;
    } finally {
      this.#underWay.delete(operationId);
    }
  }

  /**
   * Resolves when whatever is about to make what `command` deletes has ended: a fork or a snapshot waits in its sandbox's turn, not
   * in that of what it makes. Answered before, "there is none" would be the last that anyone asks of it.
   */
  async untilMade(command: HostCommand): Promise<void> {
    const id = deletedBy(command);
    if (id === undefined) return;
    const makers = [...this.#underWay.values()].filter((one) => madeBeside(one.command).includes(id));
    await Promise.allSettled(makers.map(({ result }) => result));
  }
}

function deletedBy(command: HostCommand): string | undefined {
  switch (command.name) {
    case "deleteSandbox":
      return command.sandboxId;
    case "deleteSnapshot":
      return command.snapshotId;
    case "deleteVolume":
      return command.volumeId;
    default:
      return undefined;
  }
}

/** Ids of what a command makes beside the sandbox in whose turn it is done. */
function madeBeside(command: HostCommand): string[] {
  if (command.name === "createSnapshot") return [command.snapshotId];
  if (command.name !== "forkSandbox") return [];
  return command.children.flatMap(({ sandboxId, volumes }) => [
    sandboxId,
    ...(Array.isArray(volumes) ? volumes.map(({ volumeId }) => volumeId) : []),
  ]);
}

function requireSame(operationId: string, hash: string, known: string): void {
  if (hash !== known)
    throw new Refusal("host.operation_conflict", `operation ${operationId} was another command before`);
}
