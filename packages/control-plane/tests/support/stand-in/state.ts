import { randomUUID } from "node:crypto";
import { Refusal } from "@pandastack/platform";
import { OPEN_NETWORK } from "@pandastack/contracts/host";
import type {
  HostCommand,
  HostEvent,
  HostInfo,
  HostSandbox,
  HostSnapshot,
  HostUse,
  ForkResult,
  ProcessInfo,
  RuntimeName,
} from "@pandastack/contracts/host";
import { StandInConsole } from "./console.ts";
import { StandInVolumes } from "./volumes.ts";

export interface StandInFile {
  content: Buffer;
  mode: number;
  mtimeMs: number;
}

export interface StandInSandbox {
  info: HostSandbox;
  env: Record<string, string>;
  files: Map<string, StandInFile>;
  processes: ProcessInfo[];
  console: StandInConsole;
  /** As the host agent tells it. */
  use: HostUse;
}

const ISOLATION = { fake: "fake", gvisor: "gvisor", qemu: "microvm-kvm", firecracker: "microvm-kvm" } as const;
const runtimeOf = (wanted: Extract<HostCommand, { name: "createSandbox" }>["runtime"]): RuntimeName =>
  wanted === "microvm" ? "qemu" : wanted === "auto" ? "fake" : wanted;

/** What the stand-in host has, and what commands do to it. No machine is behind it. */
export class StandInState {
  readonly sandboxes = new Map<string, StandInSandbox>();
  readonly volumes = new StandInVolumes(this.sandboxes);
  readonly snapshots = new Map<
    string,
    { info: HostSnapshot; env: Record<string, string>; files: Map<string, StandInFile> }
  >();
  readonly events: HostEvent[] = [];
  readonly operations = new Map<string, Promise<unknown>>();
  readonly listeners = new Set<(event: HostEvent) => void>();
  /** How many times each command was really done. */
  readonly done: Record<string, number> = {};
  epoch: string = randomUUID();
  readonly id = "stand-in";
  isReady = true;

  info(): HostInfo {
    const count = (state: HostSandbox["state"]) =>
      [...this.sandboxes.values()].filter((sandbox) => sandbox.info.state === state).length;
    const template = (name: string): HostInfo["templates"][number] => ({
      name,
      rootKey: null,
      isOwn: true,
      runtime: "fake",
      status: "ready",
      cpus: 2,
      memoryMb: 512,
      diskMb: 4096,
      sizeBytes: 1_000_000,
      error: null,
    });
    return {
      id: this.id,
      epoch: this.epoch,
      bootId: "boot",
      ready: this.isReady,
      notReadyReason: this.isReady ? null : "templates are being baked",
      runtimes: [{ name: "fake", isolation: "fake", available: true, reason: null }],
      templates: [template("base"), template("code-interpreter")],
      limits: { controllers: [], reason: "machines of a stand-in are not processes" },
      cpus: 2,
      versions: { node: process.versions.node },
      memory: { totalBytes: 1 << 30, availableBytes: 1 << 29, pressure: "none" },
      pool: { totalBytes: 1 << 30, availableBytes: 1 << 29 },
      sandboxes: {
        running: count("running"),
        paused: count("paused"),
        hibernated: count("hibernated"),
        failed: count("failed"),
      },
    };
  }

  sandbox(id: string): StandInSandbox {
    const sandbox = this.sandboxes.get(id);
    if (sandbox === undefined) throw new Refusal("sandbox.not_found", `no sandbox ${id}`);
    return sandbox;
  }

  running(id: string): StandInSandbox {
    const sandbox = this.sandbox(id);
    if (sandbox.info.state !== "running")
      throw new Refusal("sandbox.invalid_state", `the sandbox is ${sandbox.info.state}`);
    return sandbox;
  }

  withMachine(id: string): StandInSandbox {
    const sandbox = this.sandbox(id);
    if (sandbox.info.state === "hibernated" || sandbox.info.state === "failed")
      throw new Refusal("sandbox.invalid_state", `the sandbox is ${sandbox.info.state}`);
    return sandbox;
  }

  emit(sandboxId: string | null, type: string, payload: Record<string, unknown> = {}): void {
    const event: HostEvent = { seq: this.events.length + 1, time: new Date().toISOString(), sandboxId, type, payload };
    this.events.push(event);
    for (const listener of this.listeners) listener(event);
  }

  /** Its machine dies and it is started from its disk, told of in one go. */
  dieAndStartAgain(id: string): void {
    const sandbox = this.sandbox(id);
    sandbox.info = { ...sandbox.info, bootMode: "cold", guestIp: "10.200.9.9", bootMs: 4000 };
    this.emit(id, "vm.died", { signal: "SIGKILL", restart: true });
    this.emit(id, "sandbox.woken", { wake_ms: 4000, boot_mode: "cold" });
  }

  /** As the host does it after a crash of the machine. */
  die(id: string): void {
    const sandbox = this.sandbox(id);
    sandbox.info = { ...sandbox.info, state: "failed", reason: "its machine died", guestIp: null };
    this.emit(id, "vm.died", { signal: "SIGKILL" });
  }

  execute(command: HostCommand): unknown {
    this.done[command.name] = (this.done[command.name] ?? 0) + 1;
    switch (command.name) {
      case "createSandbox": {
        const snapshot = "snapshotId" in command.from ? this.snapshots.get(command.from.snapshotId) : undefined;
        if ("snapshotId" in command.from && snapshot === undefined)
          throw new Refusal("snapshot.not_found", "no such snapshot");
        const { volumes = [] } = command;
        this.volumes.requireFree(volumes);
        const sandbox = this.#add(command.sandboxId, {
          ...(volumes.length === 0 ? {} : { volumes }),
          template: "template" in command.from ? command.from.template : snapshot!.info.template,
          fromSnapshot: snapshot?.info.id ?? null,
          persistent: command.persistent,
          network: command.network ?? OPEN_NETWORK,
          bootMode: "snapshot",
          // It has no machines: what it is asked for is what it is.
          runtime: snapshot?.info.runtime ?? runtimeOf(command.runtime),
        });
        sandbox.env = { ...snapshot?.env, ...command.env };
        for (const [path, file] of snapshot?.files ?? []) sandbox.files.set(path, { ...file });
        return sandbox.info;
      }
      case "deleteSandbox":
        this.sandbox(command.sandboxId).console.end();
        this.sandboxes.delete(command.sandboxId);
        this.emit(command.sandboxId, "sandbox.deleted");
        return {};
      case "pauseSandbox":
        return this.#become(command.sandboxId, ["running"], "paused", "sandbox.paused");
      case "resumeSandbox":
        return this.#become(command.sandboxId, ["paused", "running"], "running", "sandbox.resumed");
      case "hibernateSandbox":
        if (command.ifQuietForMs !== undefined) this.#requireQuiet(command.sandboxId, command.ifQuietForMs);
        return this.#become(command.sandboxId, ["running", "paused"], "hibernated", "sandbox.hibernated");
      case "wakeSandbox":
        return this.#become(command.sandboxId, ["hibernated", "running", "failed"], "running", "sandbox.woken");
      case "setPersistent": {
        const sandbox = this.sandbox(command.sandboxId);
        sandbox.info = { ...sandbox.info, persistent: command.persistent };
        return sandbox.info;
      }
      case "setNetwork": {
        const sandbox = this.sandbox(command.sandboxId);
        sandbox.info = { ...sandbox.info, network: command.network };
        this.emit(command.sandboxId, "network.changed", { ...command.network });
        return sandbox.info;
      }
      case "createSnapshot": {
        const sandbox = this.sandbox(command.sandboxId);
        const info: HostSnapshot = {
          id: command.snapshotId,
          sandboxId: command.sandboxId,
          template: sandbox.info.template,
          runtime: sandbox.info.runtime,
          sizeBytes: 4096,
          uniqueBytes: 1024,
          parentSnapshotId: sandbox.info.fromSnapshot,
          cpus: 2,
          memoryMb: 512,
          createdAt: new Date().toISOString(),
        };
        this.snapshots.set(info.id, { info, env: sandbox.env, files: new Map(sandbox.files) });
        return info;
      }
      case "deleteSnapshot":
        if (!this.snapshots.delete(command.snapshotId)) throw new Refusal("snapshot.not_found", "no such snapshot");
        return {};
      case "forkSandbox": {
        const parent = this.sandbox(command.sandboxId);
        const children = command.children.map((child, index): ForkResult["children"][number] => {
          if (child.env["FAIL"] === child.sandboxId || child.env["FAIL"] === "1" || child.env["FAIL"] === `#${index}`)
            return {
              ok: false,
              sandboxId: child.sandboxId,
              error: "no memory for this child",
              code: "capacity.insufficient_memory",
            };
          const volumes = (parent.info.volumes ?? []).map((volume) => {
            const clone = Array.isArray(child.volumes)
              ? child.volumes.find((one) => one.of === volume.volumeId)
              : undefined;
            if (clone === undefined) return { ...volume, readOnly: true };
            this.volumes.add(clone.volumeId, clone.name, 1_048_576, false);
            return { ...volume, volumeId: clone.volumeId, name: clone.name };
          });
          const sandbox = this.#add(child.sandboxId, {
            ...(volumes.length === 0 ? {} : { volumes }),
            template: parent.info.template,
            fromSnapshot: null,
            persistent: child.persistent,
            network: child.network ?? parent.info.network,
            bootMode: "fork",
            runtime: parent.info.runtime,
          });
          sandbox.env = { ...parent.env, ...child.env };
          for (const [path, file] of parent.files) sandbox.files.set(path, { ...file });
          return { ok: true, sandbox: sandbox.info };
        });
        this.emit(command.sandboxId, "sandbox.forked", { children: children.length });
        return { pausedMs: parent.info.state === "hibernated" ? 0 : 12.5, children } satisfies ForkResult;
      }
      case "createVolume":
      case "cloneVolume":
      case "growVolume":
      case "deleteVolume":
        return this.volumes.execute(command);
    }
  }

  #requireQuiet(id: string, forMs: number): void {
    const { isOpen, quietMs } = this.sandbox(id).use;
    if (isOpen || (quietMs ?? Infinity) < forMs) throw new Refusal("sandbox.in_use", "it is in use");
  }

  #add(
    id: string,
    given: Pick<
      HostSandbox,
      "template" | "fromSnapshot" | "persistent" | "network" | "bootMode" | "volumes" | "runtime"
    >,
  ): StandInSandbox {
    const number = this.sandboxes.size + 1;
    const sandbox: StandInSandbox = {
      info: {
        ...given,
        id,
        state: "running",
        isolation: ISOLATION[given.runtime],
        guestIp: `10.200.0.${number % 250}`,
        hostTap: "tap0",
        mac: "06:00:ac:00:00:02",
        cpus: 2,
        memoryMb: 512,
        diskMb: 4096,
        bootMs: 41.5,
        reason: null,
        createdAt: new Date().toISOString(),
      },
      env: {},
      files: new Map(),
      processes: [],
      console: new StandInConsole(),
      use: { isOpen: false, quietMs: null },
    };
    this.sandboxes.set(id, sandbox);
    this.emit(id, "sandbox.running", { boot_ms: 41, boot_mode: given.bootMode });
    return sandbox;
  }

  #become(id: string, from: HostSandbox["state"][], state: HostSandbox["state"], event: string): HostSandbox {
    const sandbox = this.sandbox(id);
    if (sandbox.info.state === state) return sandbox.info;
    if (!from.includes(sandbox.info.state))
      throw new Refusal("sandbox.invalid_state", `the sandbox is ${sandbox.info.state}`);
    sandbox.info = {
      ...sandbox.info,
      state,
      reason: null,
      guestIp: state === "hibernated" ? null : (sandbox.info.guestIp ?? "10.200.0.9"),
      bootMode: event === "sandbox.woken" ? "wake" : sandbox.info.bootMode,
    };
    this.emit(id, event);
    if (state === "hibernated") sandbox.console.end();
    return sandbox.info;
  }
}
