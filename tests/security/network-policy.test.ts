import { waitFor } from "@pandastack/platform";
import { describe, expect } from "vitest";
import { api, run, sandboxForTest, server } from "../e2e/support/api.ts";
import { itWhen } from "../e2e/support/not-run.ts";
import { watchPackets } from "./support/packet-watch.ts";

const withVm = itWhen(!server.isFake, "the fake runtime has no network");
/** An address that nobody has (RFC 5737): what is sent there is counted on its way. */
const NOWHERE = "198.51.100.9";
const SENDER = `(while :; do echo x >/dev/udp/${NOWHERE}/9; sleep 0.02; done) >/dev/null 2>&1 &`;

const addressOf = async (id: string): Promise<string> => (await api("GET", `/v1/sandboxes/${id}`)).json.guest_ip;
const setEgress = (id: string, egress: unknown) =>
  api("PATCH", `/v1/sandboxes/${id}`, { json: { network: { egress } } });

describe("a network policy", () => {
  withVm("of off lets no packet out: not at once, not in a fork, a wake or a restore", async () => {
    const id = await sandboxForTest();
    const watch = watchPackets(await addressOf(id));
    await run(id, `bash -c '${SENDER}'`);
    const open = await addressOf(id);
    await waitFor(() => watch.seenFrom(open) > 0, { timeoutMs: 10_000, message: "control: nothing is sent" });
    const snapshot = (await api("POST", `/v1/sandboxes/${id}/snapshots`)).json.id as string;
    expect((await setEgress(id, "off")).status).toBe(200);
    watch.reset();
    const fork = (await api("POST", `/v1/sandboxes/${id}/fork`, { json: {} })).json.sandbox.id as string;
    // It was open when the snapshot was taken, and is in the middle of sending.
    const json = { from_snapshot: snapshot, network: { egress: "off" } };
    const restored = (await api("POST", "/v1/sandboxes", { json })).json.id as string;
    try {
      // All go on sending, and are refused while they do.
      for (const one of [id, fork, restored]) {
        const refused = async () =>
          (await api("GET", `/v1/sandboxes/${one}/network`)).json.counters.refused_packets as number;
        const before = await refused();
        await waitFor(async () => (await refused()) > before + 5, { timeoutMs: 10_000, message: "it sends no more" });
        expect(watch.seenFrom(await addressOf(one))).toBe(0);
      }
      await api("POST", `/v1/sandboxes/${fork}/hibernate`);
      await api("POST", `/v1/sandboxes/${fork}/wake`);
      const woken = await addressOf(fork);
      expect((await run(fork, "bash -c ': < /dev/tcp/198.51.100.9/80' 2>&1 || echo refused")).stdout).toMatch(
        /refused/,
      );
      const { json } = await api("GET", `/v1/sandboxes/${fork}/network`);
      expect(json.network).toEqual({ egress: "off" });
      expect(json.refused).toContainEqual(expect.objectContaining({ destination: NOWHERE, reason: "address" }));
      expect(watch.seenFrom(woken)).toBe(0);
      expect((await setEgress(fork, "open")).status).toBe(200);
      await waitFor(() => watch.seenFrom(woken) > 0, { timeoutMs: 10_000, message: "control: nothing is sent again" });
    } finally {
      for (const one of [fork, restored]) await api("DELETE", `/v1/sandboxes/${one}`);
      await api("DELETE", `/v1/snapshots/${snapshot}`);
    }
  });

  withVm("given at the create holds from the first instruction on", async () => {
    const { id } = (await api("POST", "/v1/sandboxes", { json: { network: { egress: { allow: ["a.example.com"] } } } }))
      .json;
    try {
      await run(id, `bash -c '${SENDER}'; getent hosts b.example.com; timeout 1 bash -c ': < /dev/tcp/${NOWHERE}/443'`);
      const { refused } = (await api("GET", `/v1/sandboxes/${id}/network`)).json;
      expect(refused).toContainEqual(expect.objectContaining({ destination: "b.example.com", reason: "dns" }));
      expect(refused).toContainEqual(expect.objectContaining({ destination: NOWHERE, protocol: "udp", port: 9 }));
      await expect
        .poll(async () => (await api("GET", `/v1/sandboxes/${id}/metrics`)).json.network.refused_packets, {
          timeout: 20_000,
        })
        .toBeGreaterThan(0);
      await expect
        .poll(async () => (await api("GET", `/v1/sandboxes/${id}/events`)).text, { timeout: 20_000, interval: 500 })
        .toContain("network.refused");
    } finally {
      await api("DELETE", `/v1/sandboxes/${id}`);
    }
  });
});
