import type { HostNetworkFigures } from "@pandastack/contracts/host";

/** What a slot would say after a little traffic. */
export const figuresOf = (id: string): HostNetworkFigures => ({
  counters: { sentPackets: 3, sentBytes: 300, receivedPackets: 2, receivedBytes: 200, refusedPackets: 1 },
  refused: [
    {
      destination: `${id}.example.org`,
      protocol: "dns",
      port: 53,
      reason: "dns",
      count: 1,
      lastAt: "2026-01-02T03:04:05.000Z",
    },
  ],
});
