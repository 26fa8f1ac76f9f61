import type { Via } from "./sandbox/sandbox.ts";
import { type CallOptions, type CreationOptions, Http } from "./transport/http.ts";
import { withKey } from "./transport/idempotency.ts";
import { Listing } from "./transport/listing.ts";
import type { VolumeInfo } from "./types.ts";

/** What a new volume is. */
export interface CreateVolumeOptions extends CreationOptions {
  /** 16 to 65,536 MiB. Default 256. */
  sizeMb?: number | undefined;
}

/** Volumes of a workspace: disks that outlive sandboxes. */
export class Volumes {
  readonly #http: Http;

  constructor(http: Http) {
    this.#http = http;
  }

  /** A new, empty one. The name has letters, digits, dots, dashes and underscores. */
  async create(name: string, options: CreateVolumeOptions = {}): Promise<Volume> {
    const { sizeMb, ...call } = options;
    const json = { name, size_mb: sizeMb };
    return new Volume(this.#http, await this.#http.json("POST", "/volumes", { ...withKey(call), json }));
  }

  /**
   * One of them.
   * @throws NotFoundError (`volume.not_found`)
   */
  async get(name: string, options: CallOptions = {}): Promise<Volume> {
    return new Volume(this.#http, await this.#http.json("GET", pathOf(name), options));
  }

  /** By name. */
  list(options: CallOptions = {}): Listing<Volume> {
    return Listing.of(async () => {
      const infos = await this.#http.json<VolumeInfo[]>("GET", "/volumes", options);
      return infos.map((info) => new Volume(this.#http, info));
    });
  }

  /**
   * The volume and all that is on it.
   * @throws ConflictError (`volume.in_use`) while a sandbox has it
   */
  async delete(name: string, options: CallOptions = {}): Promise<void> {
    await this.#http.json("DELETE", pathOf(name), options);
  }
}

/**
 * A disk that outlives sandboxes. One sandbox at a time may write to it; any number may read what was on it when they began.
 * @example
 * const volume = await Volume.create("data", { sizeMb: 1024 });
 * const sandbox = await Sandbox.create({ volumes: [{ name: volume.name }] });
 * await sandbox.files.write("/mnt/data/kept", "for the next one");
 */
export class Volume {
  readonly #http: Http;
  #info: VolumeInfo;

  constructor(http: Http, info: VolumeInfo) {
    this.#http = http;
    this.#info = info;
  }

  /**
   * A new, empty one.
   * @example const volume = await Volume.create("data", { sizeMb: 1024 });
   */
  static async create(name: string, options: CreateVolumeOptions = {}, via?: Via): Promise<Volume> {
    return volumesOf(via).create(name, options);
  }
  /**
   * One of the workspace's.
   * @throws NotFoundError (`volume.not_found`)
   */
  static async get(name: string, options: CallOptions = {}, via?: Via): Promise<Volume> {
    return volumesOf(via).get(name, options);
  }
  /** The workspace's, by name. */
  static list(options: CallOptions = {}, via?: Via): Listing<Volume> {
    return volumesOf(via).list(options);
  }
  /**
   * The volume and all that is on it.
   * @throws ConflictError (`volume.in_use`) while a sandbox has it
   */
  static async delete(name: string, options: CallOptions = {}, via?: Via): Promise<void> {
    await volumesOf(via).delete(name, options);
  }

  /** Unique in its workspace. */
  get name(): string {
    return this.#info.name;
  }
  /** As the server showed it last. */
  get info(): VolumeInfo {
    return this.#info;
  }

  /** Makes it larger, also while a sandbox writes to it. Volumes never shrink. */
  async grow(sizeMb: number, options: CallOptions = {}): Promise<void> {
    this.#info = await this.#http.json("PATCH", pathOf(this.name), { ...options, json: { size_mb: sizeMb } });
  }

  /** What is on it now, as a volume of its own; blocks are shared until they are written. */
  async clone(name: string, options: CreationOptions = {}): Promise<Volume> {
    return this.#copy("clone", name, options);
  }

  /** What is on it now, for good: a volume that can be attached for reading, or cloned. */
  async snapshot(name: string, options: CreationOptions = {}): Promise<Volume> {
    return this.#copy("snapshot", name, options);
  }

  /** Asks the server for its size and who has it. */
  async refresh(options: CallOptions = {}): Promise<VolumeInfo> {
    return (this.#info = await this.#http.json("GET", pathOf(this.name), options));
  }

  /**
   * The volume and all that is on it.
   * @throws ConflictError (`volume.in_use`) while a sandbox has it
   */
  async delete(options: CallOptions = {}): Promise<void> {
    await this.#http.json("DELETE", pathOf(this.name), options);
  }

  async #copy(kind: "clone" | "snapshot", name: string, options: CreationOptions): Promise<Volume> {
    const path = `${pathOf(this.name)}/${kind}`;
    return new Volume(this.#http, await this.#http.json("POST", path, { ...withKey(options), json: { name } }));
  }
}

const pathOf = (name: string): string => `/volumes/${encodeURIComponent(name)}`;

const volumesOf = (via: Via | undefined): Volumes =>
  new Volumes(via !== undefined && "http" in via ? via.http : new Http(via));
