import type { Ask } from "./exchange.ts";
import { MAX_ATTEMPTS, MAX_QUERIES } from "./limits.ts";
import { emptyReply, judgeQuery, Rcode } from "./message.ts";
import type { NameServers } from "./servers.ts";

export interface ForwarderOptions {
  readonly servers: Pick<NameServers, "current">;
  /** Port of the host's name servers; 53 outside of tests. */
  readonly serverPort: number;
}

/** Answers queries by asking the host's name servers, one after the other. Shared by all slots. */
export class Forwarder {
  private readonly options: ForwarderOptions;
  private inFlight = 0;

  constructor(options: ForwarderOptions) {
    this.options = options;
  }

  /**
   * The reply to a packet from a slot, bearing its id; undefined when there is none to be given. Never rejects.
   * `ask` is the way the packet came: what came by TCP is asked by TCP.
   */
  async answer(packet: Buffer, ask: Ask, signal: AbortSignal): Promise<Buffer | undefined> {
    const verdict = judgeQuery(packet);
    if (verdict.kind === "ignore") return undefined;
    if (verdict.kind === "refuse") return emptyReply(packet, { rcode: verdict.rcode });
    if (this.inFlight >= MAX_QUERIES) return undefined;
    const { questionEnd } = verdict;
    this.inFlight++;
    try {
      for (const server of this.attempts()) {
        const answer = await ask({
          query: packet,
          questionEnd,
          server,
          port: this.options.serverPort,
          signal,
        });
        if (signal.aborted) return undefined;
        if (answer && !isServerFailure(answer)) return answer;
      }
    } finally {
      this.inFlight--;
    }
    return emptyReply(packet, { rcode: Rcode.serverFailure, questionEnd });
  }

  /** Servers in the order in which one query asks them. */
  private attempts(): string[] {
    const servers = this.options.servers.current();
    return servers.length === 0
      ? []
      : Array.from({ length: MAX_ATTEMPTS }, (_, index) => servers[index % servers.length]!);
  }
}

/** The server could not say: another may. */
const isServerFailure = (answer: Buffer): boolean => (answer[3]! & 15) === Rcode.serverFailure;
