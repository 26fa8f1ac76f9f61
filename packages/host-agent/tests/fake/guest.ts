import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ExecRequest, ExecResult } from "@pandastack/contracts/host";
import { newHexId } from "@pandastack/platform";
import { GuestClient } from "../../src/guest/client.ts";
import { GuestConnection, type GuestRefresh } from "../../src/guest/connection.ts";
import { createFakeRuntime } from "../../src/runtimes/fake/index.ts";
import type { Machine, Runtime, RunningMachine } from "../../src/runtimes/runtime.ts";
import type { NetworkSlot } from "../../src/network/slot.ts";

const SLOT: NetworkSlot = {
  number: 0,
  netns: "none",
  tap: "none",
  mac: "02:00:00:00:00:00",
  hostIp: "10.200.0.2",
  guestIp: "169.254.100.2",
  gatewayIp: "169.254.100.1",
  uid: 65_534,
};
const SIZE = { cpus: 1, memoryMb: 512 };

/** Folders and a runtime for one test file. */
export class Bench {
  readonly runtime: Runtime;
  readonly #dir: string;
  readonly #machines: Machine[] = [];

  private constructor(dir: string) {
    this.#dir = dir;
    this.runtime = createFakeRuntime({ dir: this.machinesDir });
  }

  get machinesDir(): string {
    return join(this.#dir, "machines");
  }

  static async open(): Promise<Bench> {
    return new Bench(await mkdtemp(join(tmpdir(), "pandastack-fake-guest-")));
  }

  async boot(refresh?: GuestRefresh): Promise<{ machine: Machine; guest: GuestClient }> {
    const rootDisk = join(this.#dir, `disk-${newHexId(4)}`);
    await writeFile(rootDisk, "");
    return this.#greet(
      await this.runtime.boot({ machineId: newHexId(6), slot: SLOT, size: SIZE, rootDisk, durable: false }),
      refresh,
    );
  }

  async bootFrom(rootDisk: string): Promise<{ machine: Machine; guest: GuestClient }> {
    return this.#greet(
      await this.runtime.boot({ machineId: newHexId(6), slot: SLOT, size: SIZE, rootDisk, durable: false }),
    );
  }

  async restore(imageDir: string, refresh?: GuestRefresh): Promise<{ machine: Machine; guest: GuestClient }> {
    return this.#greet(
      await this.runtime.restore({ machineId: newHexId(6), slot: SLOT, size: SIZE, imageDir, durable: false }),
      refresh,
    );
  }

  async image(machine: Machine, guest: GuestClient, resume = true): Promise<string> {
    const imageDir = await mkdtemp(join(this.#dir, "image-"));
    await guest.quiesce();
    await machine.snapshot({ imageDir, resume, durable: false });
    guest.connection.release();
    return imageDir;
  }

  async close(): Promise<void> {
    for (const machine of this.#machines) await machine.stop();
    await rm(this.#dir, { recursive: true, force: true });
  }

  async #greet(
    { machine, channel }: RunningMachine,
    refresh?: GuestRefresh,
  ): Promise<{ machine: Machine; guest: GuestClient }> {
    this.#machines.push(machine);
    const connection = new GuestConnection(channel);
    await connection.hello({ resync: false, timeoutMs: 5000, ...(refresh === undefined ? {} : { refresh }) });
    return { machine, guest: new GuestClient(connection) };
  }
}

export async function run(
  guest: GuestClient,
  request: ExecRequest | string,
): Promise<{ stdout: string; stderr: string; code: number; result: ExecResult }> {
  let [stdout, stderr] = ["", ""];
  for await (const event of guest.exec(typeof request === "string" ? { shell: request } : request)) {
    if (event.kind === "stdout") stdout += event.data.toString();
    if (event.kind === "stderr") stderr += event.data.toString();
    if (event.kind === "result") return { stdout, stderr, code: event.result.exit_code, result: event.result };
  }
  throw new Error("ended without a result");
}
