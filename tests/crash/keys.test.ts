import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { untilNothingIsNoOnes } from "./support/belongings/index.ts";
import { newKey, untilDone, type Json } from "./support/client.ts";
import { CrashServer } from "./support/server.ts";

/** What is sent twice is done once, whoever dies in between. */
describe("two creates at once with one Idempotency-Key make one sandbox", () => {
  let server: CrashServer;
  beforeAll(async () => void (server = await CrashServer.start("gvisor")));
  afterAll(async () => expect(await server?.stop()).toEqual([]));

  for (const victim of ["nobody", "host agent", "control plane", "PostgreSQL"] as const) {
    it(`while ${victim} dies`, async () => {
      const call = {
        method: "POST",
        path: "/v1/sandboxes",
        json: { ttl_seconds: 0, metadata: { tag: victim } },
        key: newKey(),
      } as const;
      if (victim === "control plane") server.arm("control.create.made");
      if (victim === "host agent") server.arm("host.create.committed");
      const both = [untilDone(server, call), untilDone(server, call)];
      if (victim === "PostgreSQL") await server.kill("PostgreSQL");
      const [one, other]: Json[] = await Promise.all(both);
      expect(other.id).toBe(one.id);
      expect(server.isArmed).toBe(false);
      await server.untilUp();
      await untilNothingIsNoOnes(server);
      const all: Json[] = await untilDone(server, { method: "GET", path: "/v1/sandboxes" });
      expect(all.map(({ id }) => id)).toEqual([one.id]);
      await untilDone(server, { method: "DELETE", path: `/v1/sandboxes/${one.id}` });
    });
  }
});
