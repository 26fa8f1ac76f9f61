import { readFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { writeFileAtomic } from "@pandastack/platform";
import type { ConsoleText } from "../runtime.ts";
import { CONSOLE_ID, CONSOLE_RING_BYTES, CONSOLE_SOCKET } from "./command-line.ts";
import type { MachineFiles } from "./machine-files.ts";
import type { Qmp } from "./qmp.ts";

/** Of the newest console output, beside the VMM's own ring. */
const KEPT_CHARACTERS = CONSOLE_RING_BYTES;
const FILE = "console.log";
/** Between two looks at a VMM of an earlier release, which has no socket that tells. */
const LOOK_INTERVAL_MS = 500;

/**
 * What a guest has written to its console. QEMU forgets what it has been asked for once, so it is kept in the machine's folder:
 * whoever asks next, also of the next host agent, gets it again.
 */
export class Console {
  readonly #path: string;
  readonly #socketPath: string;
  readonly #qmp: Qmp;
  readonly #watchers = new Set<() => void>();
  #stopWatching = (): void => {};
  #last: Promise<ConsoleText> = Promise.resolve({ text: "", written: 0 });
  #written = 0;

  constructor(files: MachineFiles, qmp: Qmp) {
    this.#path = join(files.dir, FILE);
    this.#socketPath = join(files.runDir, CONSOLE_SOCKET);
    this.#qmp = qmp;
  }

  /** One after the other: each takes a part out of the ring. */
  read(): Promise<ConsoleText> {
    const reading = this.#last.then(
      () => this.#readNow(),
      () => this.#readNow(),
    );
    this.#last = reading;
    return reading;
  }

  /** All who watch share one connection: the VMM takes no second. */
  watch(changed: () => void): () => void {
    this.#watchers.add(changed);
    if (this.#watchers.size === 1) this.#stopWatching = this.#listen();
    return () => {
      if (this.#watchers.delete(changed) && this.#watchers.size === 0) this.#stopWatching();
    };
  }

  /** The socket carries what the ring gets, a moment later. Here it only says that there is more. */
  #listen(): () => void {
    const tell = () => {
      for (const changed of this.#watchers) changed();
    };
    let timer: NodeJS.Timeout | undefined;
    const socket: Socket = connect(this.#socketPath);
    socket.on("data", tell);
    // Once an answer has come the VMM has taken the connection, too: what was written in between is found by the next look.
    socket.once("connect", () => void this.read().then(tell, () => {}));
    socket.once("error", () => (timer = setInterval(tell, LOOK_INTERVAL_MS).unref()));
    return () => {
      clearInterval(timer);
      socket.destroy();
    };
  }

  async #readNow(): Promise<ConsoleText> {
    const kept = await readFile(this.#path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return "";
      throw error;
    });
    const more = String(
      await this.#qmp.command("ringbuf-read", { device: CONSOLE_ID, size: CONSOLE_RING_BYTES, format: "utf8" }),
    );
    this.#written += more.length;
    if (more === "") return { text: kept, written: this.#written };
    const text = `${kept}${more}`.slice(-KEPT_CHARACTERS);
    writeFileAtomic(this.#path, text);
    return { text, written: this.#written };
  }
}
