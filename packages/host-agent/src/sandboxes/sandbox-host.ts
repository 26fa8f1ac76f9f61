import { availableParallelism, release } from "node:os";
import { mkdirSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { crashPoint } from "@pandastack/platform";
import type {
  ExportRootRequest,
  HostCommand,
  HostEvent,
  HostInfo,
  HostNetworkFigures,
  HostOperation,
  HostResults,
  HostRoot,
  HostSandbox,
  HostSnapshot,
  HostUse,
  HostVolume,
  PreparedTemplate,
  PrepareTemplateRequest,
} from "@pandastack/contracts/host";
import type { Logger } from "@pandastack/platform";
import { hostBootId } from "../files/host-boot.ts";
import type { HostLayout } from "../files/layout.ts";
import type { Guest } from "../guest/guest.ts";
import type { Artifacts } from "../images/artifacts.ts";
import { Journal } from "../journal/journal.ts";
import type { Runtimes } from "../runtimes/registry.ts";
import type { Machine } from "../runtimes/runtime.ts";
import { ImportedRoots } from "../templates/imported-roots.ts";
import { RootStore } from "../templates/root-store.ts";
import { TemplateStore } from "../templates/template-store.ts";
import { ext4Images } from "../volumes/ext4.ts";
import {
  Admission,
  admissionSettings,
  availableMemoryBytes,
  measureHost,
  totalMemoryBytes,
} from "./admission/index.ts";
import { rememberBuilds } from "./builds.ts";
import { ClockWatch } from "./clock-watch.ts";
import { closeSandboxes } from "./close.ts";
import { followConsole } from "./console.ts";
import { hibernateSandbox } from "./commands/hibernate.ts";
import { perform } from "./commands/perform.ts";
import { shown } from "./commands/volumes.ts";
import { asStep, type Commit } from "./commit.ts";
import { requireEntry, type HostContext } from "./context.ts";
import { settleDeath } from "./death.ts";
import type { SandboxEntry } from "./entry.ts";
import { EventFeed } from "./event-feed.ts";
import { exportRoot } from "./export-root.ts";
import type { SandboxHost } from "./host.ts";
import { Operations } from "./operations.ts";
import { measureMemory, type PressureOptions, pressureSettings, PressureWatch } from "./pressure/index.ts";
import { Preparation } from "./preparation.ts";
import { KeyedQueue } from "./queue.ts";
import { OUT_OF_MEMORY, toHostSandbox } from "./record.ts";
import { RefusalWatch } from "./refusal-watch.ts";
import { recover } from "./recovery.ts";
import { Restarts } from "./restarts.ts";
import { acquireShut, NO_FIGURES, type SlotSource } from "./slots.ts";
import { Traffic } from "./traffic.ts";
import { VolumeRegistry } from "./volumes/registry.ts";

export interface SandboxHostOptions {
  readonly layout: HostLayout;
  readonly runtimes: Runtimes;
  readonly artifacts: Artifacts;
  readonly slots: SlotSource;
  readonly mac: string;
  /** Where the host's memory is not to be looked at as it is: in tests. */
  readonly memory?: Pick<PressureOptions, "measure" | "settings">;
  readonly log: Logger;
}

/** Opens the journal and takes up what lives; templates are made in the background, see `ready`. */
export async function openSandboxHost(options: SandboxHostOptions): Promise<SandboxHost> {
  mkdirSync(options.layout.poolDir, { recursive: true, mode: 0o711 });
  const host = new LocalSandboxHost(options);
  await host.start();
  return host;
}

class LocalSandboxHost implements SandboxHost {
  readonly #options: SandboxHostOptions;
  readonly #journal: Journal;
  readonly #context: HostContext;
  readonly #operations: Operations;
  readonly #refusals: RefusalWatch;
  readonly #pressure: PressureWatch;
  readonly #restarts: Restarts;
  readonly #clock: ClockWatch;
  readonly #queue = new KeyedQueue();
  readonly #feed = new EventFeed();
  readonly #background = new Set<Promise<void>>();
  readonly #closing = new AbortController();
  readonly #preparation: Preparation;
  readonly #roots: RootStore;
  readonly images: ImportedRoots;
  #ready: Promise<void> | undefined;

  constructor(options: SandboxHostOptions) {
    this.#options = options;
    this.#journal = new Journal(options.layout.dataDir);
    const { layout, runtimes, slots, log } = options;
    const commit: Commit = (changes, answer) => {
      const operation = answer && { id: answer.operationId, commandHash: answer.commandHash, result: answer.result };
      for (const event of this.#journal.commit(changes, operation)) this.#feed.publish(event);
    };
    const onChange = (): void => rememberBuilds(this.#context, options.artifacts);
    this.#roots = new RootStore({ ...options, onChange });
    this.images = new ImportedRoots(layout, this.#roots);
    const templates = new TemplateStore({
      ...options,
      roots: this.#roots,
      acquireSlot: () => acquireShut(slots),
      releaseSlot: (slot) => slots.release(slot),
      onReady: (image, entry) => this.#preparation.keepAhead(image, entry),
    });
    const later = (what: string, work: () => Promise<void>): void => this.#later(what, work);
    this.#preparation = new Preparation({ runtimes, slots, templates, later, signal: this.#closing.signal, log });
    const entries: HostContext["entries"] = new Map();
    const admission = new Admission({
      settings: admissionSettings(process.env),
      measured: measureHost(layout.poolDir),
      livingMb: () =>
        [...entries.values()].reduce((sum, { record }) => sum + (record.machine ? record.memoryMb : 0), 0),
    });
    this.#context = {
      admission,
      traffic: new Traffic({ entries, slots }),
      volumes: new VolumeRegistry(entries),
      volumeImages: runtimes.default.runtime.volumeImages ?? ext4Images,
      allocating: (work) => this.#queue.run("allocation", work),
      inTurn: (sandboxId, work) => this.#queue.run(sandboxId, work),
      layout,
      runtimes,
      slots,
      log,
      journal: this.#journal,
      templates,
      entries,
      snapshots: new Map(),
      stock: (runtime) => this.#preparation.stock(runtime),
      commit,
      watch: (entry, machine) => this.#watch(entry, machine),
      later,
    };
    this.#operations = new Operations(this.#journal, commit);
    this.#refusals = new RefusalWatch(this.#context);
    this.#pressure = new PressureWatch({
      context: this.#context,
      ...(options.memory ?? { settings: pressureSettings(process.env), measure: measureMemory }),
      squeeze: () => this.#preparation.rest(),
      relax: () => this.#preparation.goOn(),
    });
    this.#restarts = new Restarts(this.#context);
    this.#clock = new ClockWatch(this.#context);
  }

  async start(): Promise<void> {
    await recover(this.#context);
    rememberBuilds(this.#context, this.#options.artifacts);
    for (const entry of this.#context.entries.values()) this.#restarts.schedule(entry);
    this.#refusals.start();
    this.#clock.start();
    this.#context.traffic.start();
    this.#pressure.start();
    this.#ready = this.#preparation.run();
  }

  async ready(): Promise<void> {
    await this.#ready;
  }

  async info(): Promise<HostInfo> {
    const { runtimes, layout } = this.#options;
    const { runtime } = runtimes.default;
    const pool = await statfs(layout.poolDir);
    const count = (state: HostSandbox["state"]) =>
      [...this.#context.entries.values()].filter((entry) => entry.state === state).length;
    return {
      id: this.#journal.hostId,
      epoch: this.#journal.epoch,
      bootId: hostBootId(),
      ready: this.#preparation.notReadyReason === null,
      notReadyReason: this.#preparation.notReadyReason,
      runtimes: [
        ...runtimes.all.map(({ runtime: { name, isolation } }) => ({ name, isolation, available: true, reason: null })),
        ...runtimes.missing.map((missing) => ({ ...missing, available: false })),
      ],
      templates: this.#context.templates.list(),
      limits: runtime.limits ?? {
        controllers: [],
        reason: `machines of the runtime "${runtime.name}" are not processes`,
      },
      cpus: availableParallelism(),
      versions: { node: process.versions.node, kernel: release() },
      memory: {
        totalBytes: totalMemoryBytes(),
        availableBytes: availableMemoryBytes(),
        pressure: this.#pressure.level,
      },
      pool: { totalBytes: pool.blocks * pool.bsize, availableBytes: pool.bavail * pool.bsize },
      sandboxes: {
        running: count("running"),
        paused: count("paused"),
        hibernated: count("hibernated"),
        failed: count("failed"),
      },
    };
  }

  async execute<C extends HostCommand>(operation: HostOperation & { command: C }): Promise<HostResults[C["name"]]> {
    const result = await this.#operations.run(operation, (command, answering) => {
      const key =
        "sandboxId" in command ? command.sandboxId : "snapshotId" in command ? command.snapshotId : command.volumeId;
      return this.#queue.run(key, () =>
        this.#operations.untilMade(command).then(() => perform(this.#context, command, answering)),
      );
    });
    return result as HostResults[C["name"]];
  }

  sandboxes(): HostSandbox[] {
    return [...this.#context.entries.values()].map((entry) => toHostSandbox(entry.record));
  }

  sandbox(id: string): HostSandbox {
    return toHostSandbox(requireEntry(this.#context, id).record);
  }

  snapshots(): HostSnapshot[] {
    return [...this.#context.snapshots.values()].map(
      ({ isolation: _isolation, volumeBytes: _bytes, ...snapshot }) => snapshot,
    );
  }

  volumes(): HostVolume[] {
    return [...this.#context.volumes.records.values()].map(shown);
  }

  guest(sandboxId: string): Promise<Guest> {
    return requireEntry(this.#context, sandboxId).guest();
  }

  async network(sandboxId: string): Promise<HostNetworkFigures> {
    const { machine } = requireEntry(this.#context, sandboxId).record;
    return (machine && (await this.#options.slots.figures(machine.slot))) ?? NO_FIGURES;
  }

  use(sandboxId: string): HostUse {
    return this.#context.traffic.use(requireEntry(this.#context, sandboxId));
  }

  async consoleLog(sandboxId: string): Promise<string> {
    return (await requireEntry(this.#context, sandboxId).machine.consoleLog()).text;
  }

  followConsole(sandboxId: string, signal: AbortSignal): AsyncGenerator<string> {
    return followConsole(requireEntry(this.#context, sandboxId).machine, signal);
  }

  readonly environment = (sandboxId: string) => requireEntry(this.#context, sandboxId).record.env;

  usage(sandboxId: string): Promise<{ pid: number; rssBytes: number; cpuMs: number }> {
    return requireEntry(this.#context, sandboxId).machine.usage();
  }

  exportRoot(request: ExportRootRequest): HostRoot {
    return exportRoot(this.#context, this.#roots, request);
  }

  readonly root = (key: string): HostRoot => this.#roots.state(key);
  readonly roots = (): string[] => this.#roots.list();

  releaseRoot(key: string): void {
    this.#roots.release(key);
    this.#context.templates.forget(key);
  }

  prepareTemplate({ source, runtime }: PrepareTemplateRequest): Promise<PreparedTemplate> {
    const { runtimes, templates } = this.#context;
    return templates.prepare(source, runtimes.choose(runtime, { disk: false, volumes: false, foreignVolumes: false }));
  }

  events(after: number): HostEvent[] {
    return this.#journal.events(after);
  }

  onEvent(listener: (event: HostEvent) => void): () => void {
    return this.#feed.subscribe(listener);
  }

  async close(how: "leave" | "hibernate"): Promise<void> {
    this.#closing.abort();
    this.#restarts.close();
    this.#clock.close();
    this.#context.traffic.stop();
    await this.#pressure.close();
    await this.#refusals.close();
    await this.#ready;
    await this.#queue.idle();
    if (how === "hibernate") await closeSandboxes(this.#context, (sandboxId) => this.#hibernateForClose(sandboxId));
    await this.#preparation.close();
    this.images.close();
    await Promise.all(this.#background);
    await this.#options.slots.close(how === "hibernate" ? "remove" : "leave");
    for (const entry of this.#context.entries.values()) entry.leaveMachine()?.leave?.();
    this.#journal.close();
  }

  async #hibernateForClose(sandboxId: string): Promise<void> {
    const options = { sandboxId, cause: "shutdown" } as const;
    await this.#queue.run(sandboxId, () => hibernateSandbox(this.#context, options, asStep(this.#context.commit)));
  }

  /** A machine that ends without having been asked to takes its sandbox's memory with it, and says so. */
  #watch(entry: SandboxEntry, machine: Machine): void {
    const since = performance.now();
    void machine.exited.then(async (exit) => {
      if (!entry.isMachine(machine)) return;
      await this.#queue.run(entry.record.id, async () => {
        if (!entry.isMachine(machine)) return;
        const reason = exit.ranOutOfMemory ? OUT_OF_MEMORY : (exit.reason ?? "its virtual machine monitor ended");
        const { log } = this.#options;
        log.error({ sandboxId: entry.record.id, ...exit }, "a machine died");
        const details = { exit_code: exit.code, signal: exit.signal, out_of_memory: exit.ranOutOfMemory };
        const livedMs = performance.now() - since;
        const death = { reason, by: "itself", livedMs, details } as const;
        const { record, change } = settleDeath(this.#context.layout, entry.record, death);
        this.#context.commit([change]);
        crashPoint("host.death.committed");
        entry.record = record;
        entry.leaveMachine();
        await machine.stop();
        await this.#options.slots.release(machine.record.slot);
        this.#restarts.schedule(entry);
      });
    });
  }

  #later(what: string, work: () => Promise<void>): void {
    const promise: Promise<void> = work()
      .catch((error: unknown) => this.#options.log.error({ err: error }, `could not ${what}`))
      .finally(() => this.#background.delete(promise));
    this.#background.add(promise);
  }
}
