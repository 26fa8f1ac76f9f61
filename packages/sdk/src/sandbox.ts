import { Commands } from "./commands.ts";
import type { ClientOptions } from "./config.ts";
import { Files } from "./files.ts";
import { type ForkOptions, forkOne, forkTree, type ForkTreeOptions } from "./fork.ts";
import { type CallOptions, Http } from "./http.ts";
import { withKey } from "./idempotency.ts";
import { type LogOptions, readLogs } from "./logs.ts";
import { Processes } from "./processes.ts";
import { Pty } from "./pty.ts";
import { SandboxSnapshots } from "./snapshots.ts";
import type { LifecycleInfo, PromoteResult, SandboxInfo, SandboxStatus } from "./types.ts";

export interface CreateOptions extends CallOptions {
  /** Default: the server's, `base`. */
  template?: string | undefined;
  fromSnapshot?: string | undefined;
  /** `auto` (the server's choice), `microvm`, … */
  runtime?: string | undefined;
  /** Idle time after which it is removed; 0: never. */
  ttlSeconds?: number | undefined;
  /** Never removed for being idle; its disk outlives its VMM. */
  persistent?: boolean | undefined;
  metadata?: Record<string, string> | undefined;
  /** Environment of every command. */
  env?: Record<string, string> | undefined;
  /** The server makes one sandbox for a key, however often it is asked. Default: one for this call. */
  idempotencyKey?: string | undefined;
}

/** Of the static calls: where the server is, or a client made before. */
export type Via = ClientOptions | { readonly http: Http };

/**
 * A microVM with its own kernel, disk and network.
 * @example
 * await using sandbox = await Sandbox.create();
 * console.log((await sandbox.commands.run("uname -a")).stdout);
 */
export class Sandbox {
  readonly commands: Commands;
  readonly files: Files;
  readonly processes: Processes;
  readonly pty: Pty;
  readonly snapshots: SandboxSnapshots;
  readonly #http: Http;
  readonly #path: string;
  #info: SandboxInfo;

  constructor(http: Http, info: SandboxInfo) {
    this.#http = http;
    this.#info = info;
    this.#path = `/sandboxes/${encodeURIComponent(info.id)}`;
    this.commands = new Commands(http, this.#path);
    this.files = new Files(http, this.#path);
    this.processes = new Processes(http, this.#path);
    this.pty = new Pty(this.processes);
    this.snapshots = new SandboxSnapshots(http, info.id);
  }

  /** Answers once commands work. */
  static async create(options: CreateOptions = {}, via?: Via): Promise<Sandbox> {
    const { template, fromSnapshot, runtime, ttlSeconds, persistent, metadata, env, ...call } = options;
    const json = { template, from_snapshot: fromSnapshot, runtime, ttl_seconds: ttlSeconds, persistent, metadata, env };
    const http = httpOf(via);
    return new Sandbox(http, await http.json<SandboxInfo>("POST", "/sandboxes", { ...withKey(call), json }));
  }
  /** Newest first. */
  static async list(options: CallOptions = {}, via?: Via): Promise<Sandbox[]> {
    const http = httpOf(via);
    const answer = await http.json<SandboxInfo[] | { items: SandboxInfo[] }>("GET", "/sandboxes", options);
    return (Array.isArray(answer) ? answer : answer.items).map((info) => new Sandbox(http, info));
  }
  static async get(id: string, options: CallOptions = {}, via?: Via): Promise<Sandbox> {
    const http = httpOf(via);
    return new Sandbox(http, await http.json<SandboxInfo>("GET", `/sandboxes/${encodeURIComponent(id)}`, options));
  }
  static async kill(id: string, options: CallOptions = {}, via?: Via): Promise<void> {
    await httpOf(via).json("DELETE", `/sandboxes/${encodeURIComponent(id)}`, options);
  }

  get id(): string {
    return this.#info.id;
  }
  /** As of the last answer; `refresh` asks anew. */
  get info(): SandboxInfo {
    return this.#info;
  }
  get status(): SandboxStatus {
    return this.#info.status;
  }

  async refresh(options: CallOptions = {}): Promise<SandboxInfo> {
    this.#info = await this.#http.json<SandboxInfo>("GET", this.#path, options);
    return this.#info;
  }

  /** Processor stops, memory stays. Commands are refused until `resume`. */
  async pause(options: CallOptions = {}): Promise<void> {
    await this.#change("pause", "paused", options);
  }
  async resume(options: CallOptions = {}): Promise<void> {
    await this.#change("resume", "running", options);
  }
  /** Memory goes to disk, the VMM ends. Any later use wakes it. */
  async hibernate(options: CallOptions = {}): Promise<void> {
    await this.#change("hibernate", "hibernated", options);
  }
  async wake(options: CallOptions = {}): Promise<void> {
    await this.#change("wake", "running", options);
  }

  /** A second sandbox with the same memory, processes and disk, from now on its own. */
  async fork(options: ForkOptions = {}): Promise<Sandbox> {
    return new Sandbox(this.#http, await forkOne(this.#http, this.#path, options));
  }
  /** Several at once, in order, that know each other as siblings. */
  async forkTree(options: ForkTreeOptions): Promise<Sandbox[]> {
    return (await forkTree(this.#http, this.#path, options)).map((info) => new Sandbox(this.#http, info));
  }
  /** Makes this child of a fork tree the one that stays; with `cleanupSiblings` the others are removed. */
  async promote(
    options: CallOptions & { cleanupSiblings?: boolean | undefined; treeId?: string | undefined } = {},
  ): Promise<PromoteResult> {
    const { cleanupSiblings, treeId, ...call } = options;
    return this.#http.json("POST", `${this.#path}/promote`, {
      ...call,
      json: { cleanup_siblings: cleanupSiblings ?? false, tree_id: treeId },
    });
  }

  async lifecycle(options: CallOptions = {}): Promise<LifecycleInfo> {
    return this.#http.json("GET", `${this.#path}/lifecycle`, options);
  }
  async setLifecycle(
    change: { ttlSeconds?: number | undefined; persistent?: boolean | undefined },
    options: CallOptions = {},
  ): Promise<LifecycleInfo> {
    const json = { ttl_seconds: change.ttlSeconds, persistent: change.persistent };
    return this.#http.json("PATCH", `${this.#path}/lifecycle`, { ...options, json });
  }

  logs(options: LogOptions = {}): AsyncGenerator<string, void> {
    return readLogs(this.#http, this.#path, options);
  }

  async kill(options: CallOptions = {}): Promise<void> {
    await this.#http.json("DELETE", this.#path, options);
    this.#info = { ...this.#info, status: "deleted" };
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  async #change(verb: string, status: SandboxStatus, options: CallOptions): Promise<void> {
    await this.#http.json("POST", `${this.#path}/${verb}`, options);
    this.#info = { ...this.#info, status };
  }
}

function httpOf(via: Via = {}): Http {
  return "http" in via ? via.http : new Http(via);
}
