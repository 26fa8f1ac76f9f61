import { withKey } from "./idempotency.ts";
import type { CallOptions, Http } from "./http.ts";
import type { SnapshotInfo } from "./types.ts";

/** Snapshots of a workspace: memory, devices and disk of a sandbox at one instant. They outlive the sandbox. */
export class Snapshots {
  readonly #http: Http;

  constructor(http: Http) {
    this.#http = http;
  }

  /** Newest first. */
  async list(options: CallOptions & { sandboxId?: string | undefined } = {}): Promise<SnapshotInfo[]> {
    const answer = await this.#http.json<SnapshotInfo[] | { snapshots: SnapshotInfo[] }>("GET", "/snapshots", {
      ...options,
      query: { sandbox_id: options.sandboxId },
    });
    return Array.isArray(answer) ? answer : answer.snapshots;
  }

  async get(id: string, options: CallOptions = {}): Promise<SnapshotInfo> {
    return this.#http.json("GET", `/snapshots/${encodeURIComponent(id)}`, options);
  }

  /** Sandboxes made from it live on. */
  async delete(id: string, options: CallOptions = {}): Promise<void> {
    await this.#http.json("DELETE", `/snapshots/${encodeURIComponent(id)}`, options);
  }
}

/** The snapshots of one sandbox. */
export class SandboxSnapshots {
  readonly #http: Http;
  readonly #sandboxId: string;

  constructor(http: Http, sandboxId: string) {
    this.#http = http;
    this.#sandboxId = sandboxId;
  }

  /** The sandbox stands still for its making, and goes on. */
  async create(options: CallOptions & { idempotencyKey?: string | undefined } = {}): Promise<SnapshotInfo> {
    return this.#http.json("POST", `/sandboxes/${encodeURIComponent(this.#sandboxId)}/snapshots`, withKey(options));
  }

  async list(options: CallOptions = {}): Promise<SnapshotInfo[]> {
    return new Snapshots(this.#http).list({ ...options, sandboxId: this.#sandboxId });
  }
}
