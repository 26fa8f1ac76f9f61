import { readFileSync } from "node:fs";
import type { HostNetworkFigures } from "@pandastack/contracts/host";
import type { HostContext } from "./context.ts";
import type { SandboxRecord } from "./record.ts";

const LOOK_MS = 5_000;
/** Destinations that one event names. */
const MAX_NAMED = 10;
/** Of one life of a sandbox: a guest that knocks everywhere must not push other sandboxes' events out of the journal. */
const MAX_EVENTS = 20;

type Refused = HostNetworkFigures["refused"][number];

interface Told {
  readonly machineId: string;
  readonly destinations: Set<string>;
  /** What the kernel had answered with "unreachable" when it was last looked. */
  answered: string;
  events: number;
}

/**
 * Says in an event when a sandbox is refused a destination that it has not been refused before. The slot's own log has all of
 * them; this tells somebody to look. Slots are asked only when something in them has changed: a file tells, no program is run.
 */
export class RefusalWatch {
  readonly #context: Pick<HostContext, "entries" | "slots" | "commit" | "log">;
  readonly #told = new Map<string, Told>();
  readonly #noted = new Set<number>();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();

  constructor(context: Pick<HostContext, "entries" | "slots" | "commit" | "log">) {
    this.#context = context;
    context.slots.onRefused((slotNumber) => this.#noted.add(slotNumber));
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.#looking = this.#looking.then(() => this.look());
    }, LOOK_MS).unref();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
  }

  /** Looks once at all sandboxes that run. Never rejects. */
  async look(): Promise<void> {
    const { entries, log } = this.#context;
    for (const id of this.#told.keys()) if (!entries.has(id)) this.#told.delete(id);
    for (const { record } of [...entries.values()]) {
      try {
        await this.#lookAt(record);
      } catch (error) {
        // Its slot may go at any moment.
        log.debug({ err: error, sandboxId: record.id }, "what a slot has refused could not be read");
      }
    }
  }

  async #lookAt({ id, machine }: SandboxRecord): Promise<void> {
    if (!machine) return;
    const told = this.#toldOf(id, machine.machineId);
    const answered = unreachableAnswers(machine.pid);
    const isNoted = this.#noted.delete(machine.slot.number);
    if ((!isNoted && answered === told.answered) || told.events >= MAX_EVENTS) return;
    told.answered = answered;
    const { refused } = (await this.#context.slots.figures(machine.slot)) ?? { refused: [] };
    const fresh = refused.filter((one) => !told.destinations.has(keyOf(one)));
    if (fresh.length === 0 || this.#context.entries.get(id)?.record.machine?.machineId !== machine.machineId) return;
    for (const one of fresh) told.destinations.add(keyOf(one));
    told.events++;
    const payload = { refused: fresh.slice(0, MAX_NAMED), more: Math.max(0, fresh.length - MAX_NAMED) };
    this.#context.commit([{ event: { sandboxId: id, type: "network.refused", payload } }]);
  }

  #toldOf(id: string, machineId: string): Told {
    const before = this.#told.get(id);
    if (before?.machineId === machineId) return before;
    const told: Told = { machineId, destinations: new Set(), answered: "", events: 0 };
    this.#told.set(id, told);
    return told;
  }
}

const keyOf = ({ destination, protocol, port, reason }: Refused): string =>
  `${destination} ${protocol} ${port} ${reason}`;

/** The kernel's count of "unreachable" answers in the network namespace of a process: refusals by address are such. */
function unreachableAnswers(pid: number): string {
  try {
    const [names = "", values = ""] = readFileSync(`/proc/${pid}/net/snmp`, "latin1")
      .split("\n")
      .filter((line) => line.startsWith("Icmp:"));
    const column = names.split(" ").indexOf("OutDestUnreachs");
    return values.split(" ")[column] ?? "";
  } catch {
    return "";
  }
}
