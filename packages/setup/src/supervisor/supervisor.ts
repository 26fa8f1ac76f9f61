import { chmodSync, existsSync, mkdirSync, readdirSync } from "node:fs";
import type { Server } from "node:http";
import { join } from "node:path";
import { closePool } from "../../../host-agent/src/pool/index.ts";
import type { Settings } from "../settings.ts";
import { removeTree } from "../tools/remove-tree.ts";
import { Child, type Say } from "./child.ts";
import { saveForCli } from "./cli-config.ts";
import { forgetFirstToken, readFirstToken } from "./first-token.ts";
import { leaseIdentity, releaseIdentity, type ServerIdentity } from "./identity.ts";
import { assertFree, type ListenAddress } from "./listen-address.ts";
import { type Commands, controlPlanePlan, hostAgentPlan, hostSocket } from "./plans.ts";
import { controlSocket, openControlSocket, type Tell } from "./control-socket.ts";
import { type Postgres, postgres } from "./postgres.ts";
import { untilReady } from "./readiness.ts";

export interface SupervisorOptions {
  readonly settings: Settings;
  readonly listen: ListenAddress;
  /** Folder with PostgreSQL's programs. Unused with `databaseUrl`. */
  readonly postgresPrograms: string;
  /** The user's own PostgreSQL. */
  readonly databaseUrl: string | undefined;
  readonly commands: Commands;
  readonly env: NodeJS.ProcessEnv;
  /** What new code needs, before an upgrade. In a process of its own: this one has the old code. */
  readonly setUpAgain: () => Promise<void>;
  readonly say: Say;
  readonly log: (text: string) => void;
}

/**
 * Keeps PostgreSQL, host agent and control plane running. They are in sessions of their own and outlive a killed supervisor;
 * the next one takes over: PostgreSQL goes on, the other two, which may be killed at any moment, are started anew. Machines are
 * children of none of them and don't notice.
 */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #identity: ServerIdentity;
  readonly #postgres: Postgres | undefined;
  readonly #children: readonly Child[];
  readonly #ready = new AbortController();
  #isStarted = false;
  #control: Server | undefined;
  #stopping: Promise<void> | undefined;

  private constructor(options: SupervisorOptions, identity: ServerIdentity) {
    const { settings, commands, env, say } = options;
    this.#options = options;
    this.#identity = identity;
    this.#postgres =
      options.databaseUrl === undefined
        ? postgres({ programs: options.postgresPrograms, dataDir: settings.dataDir, identity })
        : undefined;
    const input = { settings, identity, commands, env };
    const listen = `${options.listen.host.includes(":") ? `[${options.listen.host}]` : options.listen.host}:${options.listen.port}`;
    this.#children = [
      ...(this.#postgres === undefined ? [] : [new Child(this.#postgres.plan, say)]),
      new Child(hostAgentPlan(input), say),
      new Child(
        controlPlanePlan({ ...input, listen, databaseUrl: options.databaseUrl ?? this.#postgres?.url ?? "" }),
        say,
      ),
    ];
  }

  /** For a data folder that the caller has locked. Touches nothing that runs. */
  static async create(options: SupervisorOptions): Promise<Supervisor> {
    const identity = await leaseIdentity(options.settings.dataDir);
    mkdirSync(identity.runDir, { recursive: true, mode: 0o711 });
    chmodSync(identity.runDir, 0o711);
    return new Supervisor(options, identity);
  }

  get identity(): ServerIdentity {
    return this.#identity;
  }

  get pids(): Record<string, number | undefined> {
    return Object.fromEntries(this.#children.map((child) => [child.plan.name, child.pid]));
  }

  /** Takes over what a former supervisor left running and starts the rest. Afterwards `stop` must be called. */
  async start(): Promise<void> {
    const database = this.#postgres === undefined ? undefined : this.#children[0];
    const others = this.#children.filter((child) => child !== database);
    await Promise.all(others.map((child) => child.killLeftover()));
    await assertFree(this.#options.listen);
    this.#isStarted = true;
    if (database !== undefined) await this.#startDatabase(database);
    // No waiting in between: each copes with the others coming later, and reading their code takes them longest.
    if (this.#stopping === undefined) for (const child of others) child.start();
    this.#control = await openControlSocket(controlSocket(this.#identity.runDir), (tell) => this.upgrade(tell));
  }

  /**
   * Host agent and control plane are started anew, one after the other, from the code that is there now. Machines notice nothing,
   * and are adopted. PostgreSQL and this process go on.
   */
  async upgrade(tell: Tell): Promise<void> {
    tell({ step: "set-up" });
    await this.#options.setUpAgain();
    for (const child of this.#children) {
      if (child.plan.name === "PostgreSQL") continue;
      const from = child.pid;
      this.#options.log(`upgrade: starting ${child.plan.name} anew`);
      await child.replace();
      await this.ready();
      if (this.#stopping !== undefined) throw new Error("the server was stopped");
      tell({ step: child.plan.name, from_pid: from, pid: child.pid });
    }
    this.#options.say("Upgraded: host agent and control plane were started anew");
  }

  async #startDatabase(database: Child): Promise<void> {
    const leftover = database.leftover;
    if (leftover !== undefined && this.#postgres?.isReady() === true) {
      this.#options.say("PostgreSQL runs already and is taken over");
      return database.adopt(leftover);
    }
    await database.killLeftover();
    await this.#postgres?.initialise(this.#options.log);
    database.start();
  }

  /** Resolves when a create would work, or `stop` was called. Throws StartFailed. */
  async ready(): Promise<void> {
    await untilReady({
      url: this.#options.listen.url,
      socketPath: hostSocket(this.#identity),
      children: this.#children,
      say: this.#options.say,
      signal: this.#ready.signal,
    });
  }

  /** Shows and saves the first admin token, once in a server's life. */
  announceFirstToken(): void {
    const token = readFirstToken(this.#identity);
    if (token === undefined) return;
    const outcome = saveForCli({ apiUrl: this.#options.listen.url, token }, this.#options.env);
    this.#options.say(`Admin token (shown this once): ${token}`);
    this.#options.say(outcome);
    forgetFirstToken(this.#identity);
  }

  /**
   * Last started, first stopped. Then nothing of the server is left on the host but its data folder. Repeatable. Before `start`
   * has taken over it leaves everything as it is: machines may run that only a host agent can put away.
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#isStarted ? this.#stopAll() : Promise.resolve();
    return this.#stopping;
  }

  async #stopAll(): Promise<void> {
    this.#ready.abort();
    this.#control?.close();
    this.#control?.closeAllConnections();
    const failures: unknown[] = [];
    // Who dies meanwhile stays dead: what it has left is put away in its turn.
    for (const child of this.#children) child.startNoMore();
    for (const child of [...this.#children].reverse()) {
      this.#options.log(`stopping ${child.plan.name}`);
      await child.stop().catch((error: unknown) => failures.push(error));
    }
    this.announceFirstToken();
    const { dataDir } = this.#options.settings;
    const log = (details: object, message: string): void => this.#options.log(`${message} ${JSON.stringify(details)}`);
    // What runs still has its names, its users and its place: the next start puts it away.
    if (failures.length > 0 && this.#hasMachines()) throw failures[0];
    await closePool({ dataDir, log: { info: log, warn: log } });
    await removeTree(this.#identity.runDir);
    releaseIdentity(this.#identity);
    if (failures.length > 0) throw failures[0];
  }

  #hasMachines(): boolean {
    const machines = join(this.#identity.runDir, "m");
    return existsSync(machines) && readdirSync(machines).length > 0;
  }
}
