import { Code, type RunCodeOptions } from "../code/code.ts";
import type { Execution } from "../code/execution.ts";
import { Commands } from "../commands/commands.ts";
import { Pty } from "../commands/pty.ts";
import type { ClientOptions } from "../config.ts";
import { Files } from "../files/files.ts";
import { Git } from "../git/git.ts";
import { Search } from "../search/search.ts";
import { type BakeOptions, bakeInto } from "../templates/bake.ts";
import type { TemplateBuild } from "../templates/build.ts";
import { type CallOptions, Http } from "../transport/http.ts";
import { Listing } from "../transport/listing.ts";
import type { Stream } from "../transport/stream.ts";
import type {
  EventInfo,
  LifecycleInfo,
  MetricsInfo,
  NetworkInfo,
  NetworkPolicy,
  OnIdle,
  PromoteResult,
  SandboxInfo,
  SandboxStatus,
} from "../types.ts";
import { type CreateOptions, createSandbox } from "./create.ts";
import { type EventOptions, openEvents } from "./events.ts";
import { type Candidate, type Exploration, type ExploreOptions, exploreIn, type Score } from "./explore.ts";
import { forkInto, type ForkOptions, type ForkTreeOptions } from "./fork.ts";
import { type LogOptions, openLogs } from "./logs.ts";
import { Ports } from "./ports.ts";
import { SandboxSnapshots } from "./snapshots.ts";

/** Of the static calls: where the server is, or a client made before. */
export type Via = ClientOptions | { readonly http: Http };

/** Which sandboxes a list has. */
export interface ListOptions extends CallOptions {
  status?: SandboxStatus | undefined;
}

/** What is left out stays. */
export interface LifecycleChange {
  ttlSeconds?: number | undefined;
  persistent?: boolean | undefined;
  onIdle?: OnIdle | null | undefined;
  idleTimeoutSeconds?: number | undefined;
}

/** Asking twice for these leaves the sandbox in the same state. */
const REPEATABLE = { isRepeatable: true };

/**
 * A microVM with its own kernel, disk and network.
 * @example
 * await using sandbox = await Sandbox.create();
 * console.log((await sandbox.commands.run("uname -a")).stdout);
 */
export class Sandbox {
  /** Run programs in it. */
  readonly commands: Commands;
  /** Run code with state in it. */
  readonly code: Code;
  /** Its files. */
  readonly files: Files;
  /** Terminals in it. */
  readonly pty: Pty;
  /** What listens in it. */
  readonly ports: Ports;
  /** Copies of it at one instant, that others can start from. */
  readonly snapshots: SandboxSnapshots;
  /** Text and files in it, looked for there. */
  readonly search: Search;
  /** Repositories in it. */
  readonly git: Git;
  readonly #http: Http;
  readonly #path: string;
  #info: SandboxInfo;

  constructor(http: Http, info: SandboxInfo) {
    this.#http = http;
    this.#info = info;
    this.#path = pathOf(info.id);
    this.commands = new Commands(http, this.#path);
    this.code = new Code(http, this.#path);
    this.files = new Files(http, this.#path, this.commands);
    this.pty = new Pty(http, this.#path);
    this.ports = new Ports(http, this.#path, info.id);
    this.snapshots = new SandboxSnapshots(http, info.id);
    this.search = new Search(this.commands);
    this.git = new Git(this.commands);
  }

  /**
   * A new sandbox. It answers once commands work.
   * @example await using sandbox = await Sandbox.create({ template: "base", ttlSeconds: 600, metadata: { task: "build" } });
   * @throws CapacityError where the server or the workspace is full
   */
  static async create(options: CreateOptions = {}, via?: Via): Promise<Sandbox> {
    const http = httpOf(via);
    return new Sandbox(http, await createSandbox(http, options));
  }
  /**
   * The workspace's sandboxes, newest first.
   * @example for await (const sandbox of Sandbox.list({ status: "running" })) console.log(sandbox.id);
   */
  static list(options: ListOptions = {}, via?: Via): Listing<Sandbox> {
    const { status, ...call } = options;
    const http = httpOf(via);
    return Listing.of(async () => {
      const infos = await http.json<SandboxInfo[]>("GET", "/sandboxes", { ...call, query: { status } });
      return infos.map((info) => new Sandbox(http, info));
    });
  }
  /** One that exists. Neither wakes it nor keeps it from expiring. */
  static async get(id: string, options: CallOptions = {}, via?: Via): Promise<Sandbox> {
    const http = httpOf(via);
    return new Sandbox(http, await http.json<SandboxInfo>("GET", pathOf(id), options));
  }
  /** Removes one with all that is in it. Repeatable. */
  static async kill(id: string, options: CallOptions = {}, via?: Via): Promise<void> {
    await httpOf(via).json("DELETE", pathOf(id), options);
  }

  /** Short for `code.run`. */
  runCode(code: string, options: RunCodeOptions = {}): Promise<Execution> {
    return this.code.run(code, options);
  }

  /** 20 characters of a-z and 0-9. */
  get id(): string {
    return this.#info.id;
  }
  /** As of the last answer; `refresh` asks anew. */
  get info(): SandboxInfo {
    return this.#info;
  }
  /** As of the last answer. */
  get status(): SandboxStatus {
    return this.#info.status;
  }

  /** Asks how it is now. Neither wakes it nor keeps it from expiring. */
  async refresh(options: CallOptions = {}): Promise<SandboxInfo> {
    this.#info = await this.#http.json<SandboxInfo>("GET", this.#path, options);
    return this.#info;
  }

  /** Processor stops, memory stays. Commands are refused until `resume`. */
  async pause(options: CallOptions = {}): Promise<void> {
    await this.#change("pause", "paused", options);
  }
  /** Lets a paused one go on. */
  async resume(options: CallOptions = {}): Promise<void> {
    await this.#change("resume", "running", options);
  }
  /** Memory goes to disk, the VMM ends. Any later use wakes it. */
  async hibernate(options: CallOptions = {}): Promise<void> {
    await this.#change("hibernate", "hibernated", options);
  }
  /** Brings a hibernated one back as it was; a failed one from its disk, where that survived. */
  async wake(options: CallOptions = {}): Promise<void> {
    await this.#change("wake", "running", options);
  }

  /**
   * A second sandbox with the same memory, processes and disk, from now on its own; with a number, that many at once.
   * @example const copy = await sandbox.fork();
   * @example const [a, b, c] = await sandbox.fork(3);
   */
  fork(options?: ForkOptions): Promise<Sandbox>;
  fork(count: number, options?: ForkOptions): Promise<Sandbox[]>;
  async fork(first: number | ForkOptions = {}, second: ForkOptions = {}): Promise<Sandbox | Sandbox[]> {
    const options = typeof first === "number" ? { ...second, count: first } : first;
    const { children } = await forkInto(this.#http, `${this.#path}/fork`, options);
    const sandboxes = children.map((info) => new Sandbox(this.#http, info));
    return typeof first === "number" ? sandboxes : sandboxes[0]!;
  }
  /**
   * Several at once, in order, that know each other as siblings; `promote` picks one.
   * @example const children = await sandbox.forkTree({ count: 3 });
   */
  async forkTree(options: ForkTreeOptions = {}): Promise<Sandbox[]> {
    const { children } = await forkInto(this.#http, `${this.#path}/fork-tree`, options);
    return children.map((info) => new Sandbox(this.#http, info));
  }
  /** Makes this child of a fork tree the one that stays; with `cleanupSiblings` the others are removed. */
  async promote(
    options: CallOptions & { cleanupSiblings?: boolean | undefined; treeId?: string | undefined } = {},
  ): Promise<PromoteResult> {
    const { cleanupSiblings, treeId, ...call } = options;
    const json = { cleanup_siblings: cleanupSiblings ?? false, tree_id: treeId };
    return this.#http.json("POST", `${this.#path}/promote`, { ...call, ...REPEATABLE, json });
  }

  /**
   * A template with this sandbox's files as they are now; its processes are not in it, `start` says what runs there. Resolves
   * when sandboxes can be made of it, or with `wait: false` at once.
   * @example await sandbox.bakeImage("my-app", { start: "python3 /srv/app.py", ready: "curl -fs http://127.0.0.1:8000/" });
   */
  async bakeImage(name: string, options: BakeOptions = {}): Promise<TemplateBuild> {
    return bakeInto(this.#http, `${this.#path}/bake-image`, name, options);
  }

  /**
   * Tries several ways from the same state, each in a copy, side by side; the copy with the best score stays, as `winner`, and
   * the others are removed. Without a score: the one that ends with 0 first.
   * @example
   * const { winner } = await sandbox.explore(["npm test", "npm run test:fast"], ({ result }) => (result?.exitCode === 0 ? 1 : NaN));
   */
  async explore(candidates: readonly Candidate[], score?: Score, options: ExploreOptions = {}): Promise<Exploration> {
    return exploreIn(this, candidates, score, options);
  }

  /** How long it has been idle, and when it expires. */
  async lifecycle(options: CallOptions = {}): Promise<LifecycleInfo> {
    return this.#http.json("GET", `${this.#path}/lifecycle`, options);
  }
  /**
   * Changes what becomes of it when it is idle, or makes it persistent. `onIdle: null`: nothing but the TTL.
   * @example await sandbox.setLifecycle({ onIdle: "hibernate", idleTimeoutSeconds: 120 });
   */
  async setLifecycle(change: LifecycleChange, options: CallOptions = {}): Promise<LifecycleInfo> {
    const { ttlSeconds, persistent, onIdle, idleTimeoutSeconds } = change;
    const idle = { on_idle: onIdle, idle_timeout_seconds: idleTimeoutSeconds };
    const json = { ttl_seconds: ttlSeconds, persistent, ...idle };
    return this.#http.json("PATCH", `${this.#path}/lifecycle`, { ...options, ...REPEATABLE, json });
  }
  /** Idle time, in seconds from its last use, after which it is removed; 0: never. */
  async setTtl(ttlSeconds: number, options: CallOptions = {}): Promise<LifecycleInfo> {
    return this.setLifecycle({ ttlSeconds }, options);
  }
  /** Counts as use: its idle time begins anew. Wakes nothing. */
  async keepAlive(options: CallOptions = {}): Promise<LifecycleInfo> {
    return this.setLifecycle({}, options);
  }

  /** What it may reach, what it has sent, and what was refused. */
  async network(options: CallOptions = {}): Promise<NetworkInfo> {
    return this.#http.json("GET", `${this.#path}/network`, options);
  }
  /**
   * Changes what it may reach; in force when this resolves. `egressMbps: null` takes its limit away.
   * @example await sandbox.updateNetwork({ egress: { allow: ["*.example.com", "198.51.100.0/24"] } });
   */
  async updateNetwork(
    change: Partial<NetworkPolicy> & { egressMbps?: number | null | undefined },
    options: CallOptions = {},
  ): Promise<SandboxInfo> {
    const { egress, egressMbps } = change;
    const json = { network: egress === undefined ? undefined : { egress }, egress_mbps: egressMbps };
    this.#info = await this.#http.json<SandboxInfo>("PATCH", this.#path, { ...options, ...REPEATABLE, json });
    return this.#info;
  }

  /**
   * Host name of a server in it, for URLs of your own; `ports.url` is the whole address.
   * @example const address = `https://${sandbox.getHost(3000)}/api`;
   */
  getHost(port: number): string {
    return this.ports.host(port);
  }

  /** Its console and what API-started commands wrote there, line by line. */
  logs(options: LogOptions = {}): Stream<string> {
    return openLogs(this.#http, this.#path, options);
  }
  /**
   * What happened to it, oldest first.
   * @example await sandbox.events({ follow: true }).forEach((event) => console.log(event.type));
   */
  events(options: EventOptions = {}): Stream<EventInfo> {
    return openEvents(this.#http, this.#path, options);
  }
  /** What it uses, as seen from the host and from inside; zeros while it does not run. */
  async metrics(options: CallOptions = {}): Promise<MetricsInfo> {
    return this.#http.json("GET", `${this.#path}/metrics`, options);
  }

  /** Removes it with all that is in it. */
  async kill(options: CallOptions = {}): Promise<void> {
    await this.#http.json("DELETE", this.#path, options);
    this.#info = { ...this.#info, status: "deleted" };
  }
  /** `await using`: removed at the end of the block. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  async #change(verb: string, status: SandboxStatus, options: CallOptions): Promise<void> {
    await this.#http.json("POST", `${this.#path}/${verb}`, { ...options, ...REPEATABLE });
    this.#info = { ...this.#info, status };
  }
}

function pathOf(id: string): string {
  return `/sandboxes/${encodeURIComponent(id)}`;
}

function httpOf(via: Via = {}): Http {
  return "http" in via ? via.http : new Http(via);
}
