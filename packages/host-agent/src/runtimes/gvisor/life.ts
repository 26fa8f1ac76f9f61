import { connect, type Socket } from "node:net";
import { waitFor } from "@pandastack/platform";
import { isAlive } from "../../processes/proc.ts";
import { killContainer, type Container } from "./container.ts";
import { controlSocket } from "./machine-files.ts";

const EXIT_TIMEOUT_MS = 10_000;
const EXIT_POLL_MS = 5;

/**
 * Tells when a sandbox's process ends, whoever ended it: a connection to its control socket closes with it, at once and without
 * anyone asking. Nothing is ever said on it.
 */
export class Life {
  readonly ended: Promise<void>;
  readonly #container: Container;
  readonly #socket: Socket;
  #isOver = false;
  #isLeft = false;

  constructor(container: Container) {
    this.#container = container;
    this.#socket = connect(controlSocket(container.files, container.record.machineId));
    // The socket may close first: an error is its way of saying so.
    this.#socket.on("error", () => undefined);
    this.#socket.resume();
    this.ended = new Promise<void>((resolve) => {
      this.#socket.once("close", () => {
        if (!this.#isLeft) resolve();
      });
    }).then(() => this.#settle());
  }

  get isOver(): boolean {
    return this.#isOver || !isAlive(this.#container.record.pid, this.#container.record.pidStartTime);
  }

  /** No longer of interest, and nothing is told any more: it lives on. */
  leave(): void {
    this.#isLeft = true;
    this.#socket.destroy();
  }

  async #settle(): Promise<void> {
    const { record } = this.#container;
    await waitFor(() => !isAlive(record.pid, record.pidStartTime), {
      timeoutMs: EXIT_TIMEOUT_MS,
      intervalMs: EXIT_POLL_MS,
      message: "the sandbox closed its control socket and lives on",
    }).catch(() => killContainer(record));
    this.#isOver = true;
  }
}
