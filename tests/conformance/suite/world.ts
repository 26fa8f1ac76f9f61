import { randomUUID } from "node:crypto";
import type {
  ForkResult,
  ForkVolumes,
  HostCommand,
  HostResults,
  HostSandbox,
  SandboxVolume,
} from "@pandastack/contracts/host";
import { newHexId, newSandboxId } from "@pandastack/platform";
import { Box } from "./box.ts";
import type { Origin, Target } from "./target.ts";

/** What the cases make sandboxes with. Remembers all it made, so that a case that fails leaves nothing either. */
export class World {
  readonly target: Target;
  #snapshotId: string | undefined;
  #parent: Box | undefined;
  readonly #sandboxes = new Set<string>();
  readonly #snapshots = new Set<string>();
  readonly #volumes = new Set<string>();
  readonly #killed = new Set<string>();

  constructor(target: Target) {
    this.target = target;
  }

  /** Once for the suite: a used sandbox, and a snapshot of it, which `restored` and `forked` come from. */
  async prepare(): Promise<void> {
    this.#parent = await this.#used();
    this.#snapshotId = await this.snapshot(this.#parent);
    // What the suite itself stands on goes at its end, not with a case.
    this.#snapshots.delete(this.#snapshotId);
  }

  async #used(): Promise<Box> {
    const box = this.keep(await this.create({ template: "base" }));
    await box.text("echo used > /root/.used; echo used > /dev/shm/used");
    await box.write("/root/written-before", "by the API");
    return box;
  }

  /** The agent comes back. It has a connection to what the suite stands on again, so that no later case seems to leave one. */
  async restart(): Promise<void> {
    await this.target.restart();
    if (this.#parent !== undefined && !this.isDead(this.#parent)) await this.#parent.text("true");
  }

  /** Whether a machine that the suite stands on has died; that fails one case of its own, not all that come after. */
  isDead(box: Box): boolean {
    return this.state(box) === "failed";
  }

  /** Machines that died although no case killed them. */
  unexplainedDeaths(): string[] {
    const died = this.target.host.events(0).filter((event) => event.type === "vm.died" && event.sandboxId !== null);
    return died
      .filter((event) => !this.#killed.has(event.sandboxId!))
      .map((event) => `${event.sandboxId} at ${event.time}`);
  }

  async kill(box: Box): Promise<void> {
    this.#killed.add(box.id);
    await this.target.killMachine(box.id);
  }

  /** No machine survives it, and none has died by itself. What the suite itself stands on sleeps through it. */
  async reboot(): Promise<void> {
    const living = this.target.host.sandboxes().filter(({ state }) => state === "running" || state === "paused");
    const kept = living.filter(({ id }) => !this.#sandboxes.has(id)).map(({ id }) => new Box(this.target, id));
    for (const { id } of living) this.#killed.add(id);
    for (const box of kept) await this.hibernate(box);
    await this.target.reboot();
    for (const box of kept) await this.wake(box);
  }

  async dismiss(): Promise<void> {
    if (this.#parent !== undefined) await this.delete(this.#parent.id);
    if (this.#snapshotId !== undefined) await this.execute({ name: "deleteSnapshot", snapshotId: this.#snapshotId });
    this.#parent = undefined;
    this.#snapshotId = undefined;
  }

  async make(origin: Origin, env: Record<string, string> = {}): Promise<Box> {
    if (origin === "fresh") return this.create({ template: "base" }, { env });
    if (origin === "restored") return this.create({ snapshotId: this.#snapshotId! }, { env });
    if (this.isDead(this.#parent!)) {
      await this.delete(this.#parent!.id);
      this.#parent = await this.#used();
    }
    const [child] = await this.fork(this.#parent!, 1, env);
    return child!;
  }

  /** Not this case's: it stays when the case is over. */
  keep(box: Box): Box {
    this.#sandboxes.delete(box.id);
    return box;
  }

  async create(
    from: { template: string } | { snapshotId: string },
    options: { env?: Record<string, string>; persistent?: boolean; volumes?: SandboxVolume[] } = {},
  ): Promise<Box> {
    const sandboxId = newSandboxId();
    this.#sandboxes.add(sandboxId);
    await this.execute({
      name: "createSandbox",
      sandboxId,
      from,
      runtime: "auto",
      env: options.env ?? {},
      persistent: options.persistent ?? false,
      ...(options.volumes === undefined ? {} : { volumes: options.volumes }),
    });
    return new Box(this.target, sandboxId);
  }

  /** Forks and asks that every child came to life. */
  async fork(parent: Box, count: number, env: Record<string, string> = {}): Promise<Box[]> {
    const result = await this.tryFork(parent, count, env);
    return result.children.map((child) => {
      if (!child.ok) throw new Error(`a child of the fork did not start: ${child.error}`);
      return new Box(this.target, child.sandbox.id);
    });
  }

  async tryFork(
    parent: Box,
    count: number,
    env: Record<string, string> = {},
    volumes: ForkVolumes = "read_only",
  ): Promise<ForkResult> {
    const children = Array.from({ length: count }, () => ({
      sandboxId: newSandboxId(),
      env,
      persistent: false,
      volumes,
    }));
    for (const child of children) this.#sandboxes.add(child.sandboxId);
    return this.execute({ name: "forkSandbox", sandboxId: parent.id, children });
  }

  async snapshot(box: Box): Promise<string> {
    const snapshotId = randomUUID();
    this.#snapshots.add(snapshotId);
    await this.execute({ name: "createSnapshot", sandboxId: box.id, snapshotId });
    return snapshotId;
  }

  /** A new volume, and how a sandbox gets it. */
  async volume(name: string, sizeMb = 16): Promise<SandboxVolume> {
    const volumeId = randomUUID();
    this.#volumes.add(volumeId);
    await this.execute({ name: "createVolume", volumeId, volumeName: name, sizeBytes: sizeMb * 1_048_576 });
    return { volumeId, name, path: `/mnt/${name}`, readOnly: false };
  }

  async clone(from: SandboxVolume, name: string, isSnapshot = false): Promise<SandboxVolume> {
    const volumeId = this.keepVolume(randomUUID());
    await this.execute({ name: "cloneVolume", volumeId, from: from.volumeId, volumeName: name, isSnapshot });
    return { volumeId, name, path: `/mnt/${name}`, readOnly: isSnapshot };
  }

  /** It goes with the case that made it. */
  keepVolume(volumeId: string): string {
    this.#volumes.add(volumeId);
    return volumeId;
  }

  pause = (box: Box): Promise<HostSandbox> => this.execute({ name: "pauseSandbox", sandboxId: box.id });
  resume = (box: Box): Promise<HostSandbox> => this.execute({ name: "resumeSandbox", sandboxId: box.id });
  hibernate = (box: Box): Promise<HostSandbox> => this.execute({ name: "hibernateSandbox", sandboxId: box.id });
  wake = (box: Box): Promise<HostSandbox> => this.execute({ name: "wakeSandbox", sandboxId: box.id });

  async delete(sandboxId: string): Promise<void> {
    await this.execute({ name: "deleteSandbox", sandboxId });
    this.#sandboxes.delete(sandboxId);
  }

  async deleteSnapshot(snapshotId: string): Promise<void> {
    await this.execute({ name: "deleteSnapshot", snapshotId });
    this.#snapshots.delete(snapshotId);
  }

  async execute<C extends HostCommand>(command: C, operationId = newHexId(16)): Promise<HostResults[C["name"]]> {
    return this.target.host.execute({ operationId, command });
  }

  state(box: Box): HostSandbox["state"] {
    return this.target.host.sandbox(box.id).state;
  }

  /** What a case made and did not delete. */
  async tidy(): Promise<void> {
    const { host } = this.target;
    const living = new Set(host.sandboxes().map((sandbox) => sandbox.id));
    for (const id of this.#sandboxes) if (living.has(id)) await this.delete(id);
    const kept = new Set(host.snapshots().map((snapshot) => snapshot.id));
    for (const id of this.#snapshots) if (kept.has(id)) await this.deleteSnapshot(id);
    const volumes = new Set(host.volumes().map((volume) => volume.id));
    for (const volumeId of this.#volumes) {
      if (volumes.has(volumeId)) await this.execute({ name: "deleteVolume", volumeId });
    }
    this.#volumes.clear();
    this.#sandboxes.clear();
    this.#snapshots.clear();
  }
}
