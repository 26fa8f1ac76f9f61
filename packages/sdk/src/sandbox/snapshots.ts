import type { CallOptions, CreationOptions, Http } from "../transport/http.ts";
import { withKey } from "../transport/idempotency.ts";
import { Listing } from "../transport/listing.ts";
import type { SnapshotInfo } from "../types.ts";

/** Snapshots of a workspace: memory, devices and disk of a sandbox at one instant. They outlive the sandbox. */
export class Snapshots {
  readonly #http: Http;

  constructor(http: Http) {
    this.#http = http;
  }

  /** Newest first. */
  list(options: CallOptions & { sandboxId?: string | undefined } = {}): Listing<SnapshotInfo> {
    const { sandboxId, ...call } = options;
    return Listing.of(async () => {
      const query = { sandbox_id: sandboxId };
      return (await this.#http.json<{ snapshots: SnapshotInfo[] }>("GET", "/snapshots", { ...call, query })).snapshots;
    });
  }

  /**
   * One of them.
   * @throws NotFoundError (`snapshot.not_found`)
   */
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
  readonly #all: Snapshots;

  constructor(http: Http, sandboxId: string) {
    this.#http = http;
    this.#sandboxId = sandboxId;
    this.#all = new Snapshots(http);
  }

  /**
   * The sandbox stands still for its making, and goes on.
   * @example
   * const { id } = await sandbox.snapshots.create();
   * const copy = await Sandbox.create({ fromSnapshot: id });
   */
  async create(options: CreationOptions = {}): Promise<SnapshotInfo> {
    return this.#http.json("POST", `/sandboxes/${encodeURIComponent(this.#sandboxId)}/snapshots`, withKey(options));
  }

  /** Newest first. */
  list(options: CallOptions = {}): Listing<SnapshotInfo> {
    return this.#all.list({ ...options, sandboxId: this.#sandboxId });
  }
  /**
   * One of them.
   * @throws NotFoundError (`snapshot.not_found`)
   */
  async get(id: string, options: CallOptions = {}): Promise<SnapshotInfo> {
    return this.#all.get(id, options);
  }
  /** Sandboxes made from it live on. */
  async delete(id: string, options: CallOptions = {}): Promise<void> {
    await this.#all.delete(id, options);
  }
}
