import type { Socket } from "node:net";
import { normaliseName } from "@pandastack/contracts/host";
import type { SlotEgress } from "../policy/slot-egress.ts";
import { IDLE_TIMEOUT_MS } from "./limits.ts";

export interface ProxiedConnection {
  /** As the guest said it. */
  readonly name: string;
  readonly guest: Socket;
  readonly server: Socket;
}

/** Connections that a proxy has made for its slot. */
export class OpenConnections {
  readonly #open = new Set<ProxiedConnection>();

  /** For as long as the server's end is open. */
  add(connection: ProxiedConnection): void {
    this.#open.add(connection);
    connection.server.once("close", () => this.#open.delete(connection));
  }

  /** The same for two ends of which each is of no use without the other. */
  addPair(connection: ProxiedConnection): void {
    const { guest, server } = connection;
    this.add(connection);
    for (const [socket, other] of [
      [guest, server],
      [server, guest],
    ] as const) {
      socket.on("error", () => undefined);
      socket.setTimeout(IDLE_TIMEOUT_MS, () => socket.destroy());
      socket.once("close", (hadError) => {
        if (hadError) other.resetAndDestroy();
        else other.destroySoon();
      });
    }
  }

  /** Ends what the policy does not allow any more. */
  recheck(egress: SlotEgress): void {
    for (const { name, guest, server } of this.#open) {
      const known = normaliseName(name);
      const isAllowed =
        known === undefined
          ? egress.policy.readsNames && egress.policy.allow === null
          : egress.judgeName(known) === "read";
      if (isAllowed && egress.isUsableAddress(server.remoteAddress ?? "")) continue;
      guest.resetAndDestroy();
      server.resetAndDestroy();
    }
  }

  closeAll(): void {
    for (const { guest, server } of this.#open) {
      guest.resetAndDestroy();
      server.resetAndDestroy();
    }
  }
}
