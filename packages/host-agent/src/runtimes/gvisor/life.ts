import { connect, type Socket } from "node:net";
import { waitFor } from "@pandastack/platform";
import { isAlive, killProcess } from "../../processes/proc.ts";
import { killContainer, stateOf, type Container } from "./container.ts";
import { watchGofer } from "./gofer.ts";
import { controlSocket } from "./machine-files.ts";

const EXIT_TIMEOUT_MS = 10_000;
const EXIT_POLL_MS = 5;

/**
 * Tells when a sandbox's process ends, whoever ended it: a connection to its control socket closes with it, at once and without
 * anyone asking. Nothing is ever said on it. A sentry whose gofer has ended goes on for a while, and fails at some file or other
 * later: it is ended with it.
 */
export class Life {
  readonly ended: Promise<void>;
  readonly #container: Container;
  readonly #socket: Socket;
  #isOver = false;
  #isLeft = false;
  #hasLostGofer = false;
  readonly #unwatch: (() => void) | undefined;

  constructor(container: Container) {
    this.#container = container;
    this.#socket = connect(controlSocket(container.files, container.record.machineId));
    // The socket may close first: an error is its way of saying so.
    this.#socket.on("error", () => undefined);
    this.#socket.resume();
    this.ended = new Promise<void>((resolve) => {
      this.#socket.once("close", () => {
        this.#unwatch?.();
        if (!this.#isLeft) resolve();
      });
    }).then(() => this.#settle());
    const { gofer } = stateOf(container.record);
    this.#unwatch = gofer && watchGofer(gofer, () => this.#endWithoutGofer());
  }

  /** That it was ended for the loss of its gofer. */
  get hasLostGofer(): boolean {
    return this.#hasLostGofer;
  }

  get isOver(): boolean {
    return this.#isOver || !isAlive(this.#container.record.pid, this.#container.record.pidStartTime);
  }

  /** No longer of interest, and nothing is told any more: it lives on. */
  leave(): void {
    this.#isLeft = true;
    this.#unwatch?.();
    this.#socket.destroy();
  }

  /** One that was ended itself takes its gofer along. */
  #endWithoutGofer(): void {
    const { record } = this.#container;
    if (!isAlive(record.pid, record.pidStartTime)) return;
    this.#hasLostGofer = true;
    killProcess(record.pid);
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
