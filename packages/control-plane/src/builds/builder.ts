import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { IsolationPolicy, WorkspaceNetwork } from "@pandastack/contracts";
import { Refusal } from "@pandastack/platform";
import type { GuestClient } from "../hosts/guest.ts";
import type { SandboxRow } from "../persistence/tables.ts";
import type { SandboxParts } from "../sandboxes/parts.ts";
import { createSandbox } from "../sandboxes/service/create.ts";
import { deleteSandbox } from "../sandboxes/service/remove.ts";
import { createSnapshot } from "../sandboxes/service/snapshot.ts";
import type { Action, CopyAction, RunAction } from "./plan.ts";
import { mountSecrets, type BuildSecrets } from "./secrets.ts";
import type { BuildLog } from "./store.ts";
import type { ResolvedTemplate } from "../templates/resolve.ts";
import { transfer } from "./transfer.ts";
import { unpack } from "./unpack.ts";
import type { BuildSurroundings } from "./surroundings.ts";

/** Says of a sandbox that it is a build's, and of which. */
export const BUILD_METADATA = "template_build";
/** The first builder of its size waits for a machine of that size to be made. */
const CREATE_TIMEOUT_MS = 600_000;
const CREATE_PAUSE_MS = 1_000;

export interface BuilderOptions {
  readonly parts: SandboxParts;
  readonly workspace: string;
  readonly policies: { readonly network: WorkspaceNetwork; readonly isolation: IsolationPolicy };
  readonly buildId: string;
  readonly from: { readonly template: ResolvedTemplate } | { readonly snapshotId: string };
  readonly memoryMb: number;
  readonly secrets: BuildSecrets;
  readonly surroundings: BuildSurroundings;
  readonly log: BuildLog;
  readonly signal: AbortSignal;
}

/** The sandbox in which a template is built. Persistent: its files are on a disk, whatever the runtime, and not in its memory. */
export class Builder {
  readonly #options: BuilderOptions;
  readonly row: SandboxRow;

  private constructor(options: BuilderOptions, row: SandboxRow) {
    this.#options = options;
    this.row = row;
  }

  static async open(options: BuilderOptions): Promise<Builder> {
    const { parts, workspace, policies, from, signal } = options;
    const end = performance.now() + CREATE_TIMEOUT_MS;
    const common = { ttl_seconds: 0, persistent: true, metadata: { [BUILD_METADATA]: options.buildId } };
    for (;;) {
      try {
        const row = await createSandbox(parts, {
          workspace,
          policies,
          seed: randomUUID(),
          request:
            "template" in from
              ? { ...common, template: from.template.name }
              : { ...common, from_snapshot: from.snapshotId },
          ...("template" in from ? { template: from.template, size: { memoryMb: options.memoryMb } } : {}),
          signal,
        });
        return new Builder(options, row);
      } catch (error) {
        const isComing = error instanceof Refusal && error.code === "template.not_ready";
        if (!isComing || performance.now() > end || signal.aborted) throw error;
        await delay(CREATE_PAUSE_MS, undefined, { signal });
      }
    }
  }

  /** `source`: where a transfer takes its files from. */
  async perform(action: Action, source?: Builder): Promise<void> {
    await this.#makeFolder(action.cwd, action.user);
    if (action.kind === "run") await this.#run(action);
    else if (action.kind === "copy") await this.#copy(action);
    else await transfer(source!.guest, this.guest, action, this.#options.signal);
  }

  /** After the last step: what only builds need goes. */
  async finish(): Promise<void> {
    await this.#options.surroundings.forget(this.guest, this.#options.signal);
  }

  /** The builder as it is now, under this name. */
  async keep(layerKey: string): Promise<void> {
    await createSnapshot(this.#options.parts, this.row, randomUUID(), layerKey);
  }

  async close(): Promise<void> {
    await deleteSandbox(this.#options.parts, this.row.workspace, this.row.id);
  }

  get guest(): GuestClient {
    return this.#options.parts.host.guest(this.row.id);
  }

  async #run(action: RunAction): Promise<void> {
    const { secrets, surroundings, signal } = this.#options;
    const { secrets: mounts, user } = action;
    const mounted = await mountSecrets({ guest: this.guest, secrets, mounts, user, signal });
    // Where taking away again fails, so does the build, and its machine is removed.
    try {
      await surroundings.enter(this.guest, signal);
      await this.#execute(action, { ...surroundings.env, ...action.env, ...mounted.env });
      await surroundings.leave(this.guest);
    } finally {
      await mounted.remove();
    }
  }

  async #execute({ shell, user, cwd, timeoutMs }: RunAction, env: Readonly<Record<string, string>>): Promise<void> {
    const { log, signal } = this.#options;
    const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
    const request = { shell, user, cwd, env, timeoutMs, stdin: false };
    for await (const event of this.guest.exec(request, { signal, kill: true })) {
      if (event.kind === "stdout" || event.kind === "stderr") {
        log.add(decoders[event.kind].decode(event.data, { stream: true }));
        // What could not be written is written later: the build's end waits for all of it.
        log.flush().catch(() => {});
      } else if (event.kind === "result") {
        const { exit_code, timed_out, signal: killedBy } = event.result;
        if (timed_out) throw new Refusal("exec.timeout", `it took longer than ${timeoutMs / 1000} s`);
        if (exit_code !== 0)
          throw new Refusal(
            "exec.bad_request",
            killedBy === null ? `it ended with exit code ${exit_code}` : `it was ended by ${killedBy}`,
          );
      }
    }
  }

  async #copy({ files, archives, owner }: CopyAction): Promise<void> {
    const { signal } = this.#options;
    for (const { path, bytes } of archives) await unpack(this.guest, { folder: path, bytes, signal });
    for (const { path, bytes, mode } of files) {
      await this.guest.writeFile({ path, mode, signal }, one(bytes));
      if (owner !== "root") await this.#chown(path, owner);
    }
  }

  async #chown(path: string, owner: string): Promise<void> {
    const [user = "", group] = owner.split(":");
    await this.guest.fs({ op: "chown", path, user, group: group ?? user });
  }

  /** Where a step works is there: what Docker's WORKDIR promises. */
  async #makeFolder(path: string, user: string): Promise<void> {
    if (path === "/") return;
    const isThere = await this.guest.fs({ op: "stat", path, follow: true }).then(
      () => true,
      (error: unknown) => {
        if (error instanceof Refusal && error.code === "file.not_found") return false;
        throw error;
      },
    );
    if (isThere) return;
    await this.guest.fs({ op: "mkdir", path, parents: true });
    if (user !== "root") await this.#chown(path, user);
  }
}

async function* one(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes;
}
