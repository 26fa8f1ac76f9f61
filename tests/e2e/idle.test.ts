import { waitFor } from "@pandastack/platform";
import { expect } from "vitest";
import { api, run, sandboxForTest, server } from "./support/api.ts";
import { itWhen } from "./support/not-run.ts";

const IDLE_SECONDS = 3;
/** An address that nobody has (RFC 5737). */
const NOWHERE = "198.51.100.9";
const SENDER = `(while [ ! -e /tmp/stop ]; do echo x >/dev/udp/${NOWHERE}/9; sleep 0.5; done; touch /tmp/stopped) >/dev/null 2>&1 &`;

const statusOf = async (id: string): Promise<string> => (await api("GET", `/v1/sandboxes/${id}`)).json.status;

itWhen(!server.isFake, "the fake runtime has no network")(
  "a sandbox that sends is not idle; one that is silent sleeps, and wakes as it was",
  async () => {
    const id = await sandboxForTest();
    await run(id, `bash -c '${SENDER}'; echo here > /dev/shm/mark`);
    const json = { on_idle: "hibernate", idle_timeout_seconds: IDLE_SECONDS };
    expect((await api("PATCH", `/v1/sandboxes/${id}/lifecycle`, { json })).status).toBe(200);
    const begun = performance.now();
    await waitFor(() => performance.now() - begun > 2.5 * IDLE_SECONDS * 1000, {
      timeoutMs: 30_000,
      intervalMs: 200,
      message: "time stands still",
    });
    expect(await statusOf(id), "it sends twice a second").toBe("running");
    await run(id, "touch /tmp/stop");
    await waitFor(async () => (await statusOf(id)) === "hibernated", {
      timeoutMs: 30_000,
      intervalMs: 100,
      message: "it is silent, and does not sleep",
    });
    expect((await run(id, "cat /dev/shm/mark; ls /tmp")).stdout).toMatch(/^here\n[^]*stopped/);
  },
);
