import { once } from "node:events";
import type { Server, Socket } from "node:net";
import { HTTP_PROXY_PORT, slotAddresses, TLS_PROXY_PORT } from "../addresses.ts";
import type { SlotEgress } from "../policy/slot-egress.ts";
import type { Resolver } from "../resolver/index.ts";
import { createHttpProxy } from "./http-proxy.ts";
import { OpenConnections } from "./open-connections.ts";
import { createTlsProxy } from "./tls-proxy.ts";

/** The two sockets to which a slot with domain rules is sent when it dials the web. */
export class SlotProxy {
  readonly #servers: readonly Server[];
  readonly #connections: OpenConnections;
  readonly #egress: SlotEgress;
  readonly #guests = new Set<Socket>();

  private constructor(servers: readonly Server[], connections: OpenConnections, egress: SlotEgress) {
    this.#servers = servers;
    this.#connections = connections;
    this.#egress = egress;
    for (const server of servers) {
      server.on("connection", (guest) => {
        this.#guests.add(guest);
        guest.once("close", () => this.#guests.delete(guest));
      });
    }
  }

  static async open(egress: SlotEgress, resolver: Resolver): Promise<SlotProxy> {
    const { vethIp, hostIp } = slotAddresses(egress.number);
    const connections = new OpenConnections();
    const parts = { egress, resolver, connections, guestAddress: hostIp };
    const http = createHttpProxy(parts);
    const tls = createTlsProxy(parts);
    const proxy = new SlotProxy([http, tls], connections, egress);
    try {
      for (const [server, port] of [
        [http, HTTP_PROXY_PORT],
        [tls, TLS_PROXY_PORT],
      ] as const) {
        server.listen({ host: vethIp, port, exclusive: true });
        await once(server, "listening");
        server.on("error", () => undefined);
      }
    } catch (error) {
      await proxy.close();
      throw error;
    }
    return proxy;
  }

  /** After a change of the policy. */
  recheck(): void {
    this.#connections.recheck(this.#egress);
  }

  async close(): Promise<void> {
    this.#connections.closeAll();
    for (const guest of this.#guests) guest.resetAndDestroy();
    await Promise.all(
      this.#servers.map(async (server) => {
        if (!server.listening) return;
        const closed = once(server, "close");
        server.close();
        await closed;
      }),
    );
  }
}
