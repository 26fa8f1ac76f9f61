import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "@pandastack/platform";
import { CONSOLE_ID, CONSOLE_RING_BYTES } from "./command-line.ts";
import type { Qmp } from "./qmp.ts";

/** Of the newest console output, beside the VMM's own ring. */
const KEPT_CHARACTERS = CONSOLE_RING_BYTES;
const FILE = "console.log";

/**
 * What a guest has written to its console. QEMU forgets what it has been asked for once, so it is kept in the machine's folder:
 * whoever asks next, also of the next host agent, gets it again.
 */
export class Console {
  readonly #path: string;
  readonly #qmp: Qmp;
  #last: Promise<string> = Promise.resolve("");

  constructor(machineDir: string, qmp: Qmp) {
    this.#path = join(machineDir, FILE);
    this.#qmp = qmp;
  }

  /** One after the other: each takes a part out of the ring. */
  read(): Promise<string> {
    const reading = this.#last.then(
      () => this.#readNow(),
      () => this.#readNow(),
    );
    this.#last = reading;
    return reading;
  }

  async #readNow(): Promise<string> {
    const kept = await readFile(this.#path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return "";
      throw error;
    });
    const more = String(
      await this.#qmp.command("ringbuf-read", { device: CONSOLE_ID, size: CONSOLE_RING_BYTES, format: "utf8" }),
    );
    if (more === "") return kept;
    const text = `${kept}${more}`.slice(-KEPT_CHARACTERS);
    writeFileAtomic(this.#path, text);
    return text;
  }
}
