import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crashPoints, waitFor } from "@pandastack/platform";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DEFAULT_CACHE_DIR } from "../../packages/setup/src/settings.ts";
import { untilDone } from "./support/client.ts";
import { CrashServer } from "./support/server.ts";
import { wayToPoint } from "./support/ways.ts";

/**
 * A template is made, or copied from the host's cache, while its host agent dies. On the fake runtime, whose templates are made in
 * milliseconds by the same code; in a cache of its own, which has all but the templates of the host's.
 */
describe("a crash while the template is being made, at", () => {
  let server: CrashServer;
  let cacheDir: string;
  beforeAll(async () => {
    cacheDir = mkdtempSync(join(tmpdir(), "pandastack-crash-cache-"));
    // PostgreSQL's user reads its programs there.
    chmodSync(cacheDir, 0o755);
    const original = process.env["PANDASTACK_CACHE_DIR"] || DEFAULT_CACHE_DIR;
    for (const name of readdirSync(original))
      if (name !== "templates") symlinkSync(join(original, name), join(cacheDir, name));
    server = await CrashServer.start("fake", { PANDASTACK_CACHE_DIR: cacheDir });
  });
  afterAll(async () => {
    const left = await server?.stop();
    rmSync(cacheDir, { recursive: true, force: true });
    expect(left).toEqual([]);
  });

  for (const point of crashPoints.filter((name) => wayToPoint(name, "microvm") === "templates")) {
    it(point, async () => {
      const cached = join(cacheDir, "templates");
      rmSync(join(server.poolDir, "templates"), { recursive: true, force: true });
      if (point !== "host.template.copied") rmSync(cached, { recursive: true, force: true });
      mkdirSync(cached, { recursive: true });
      server.arm(point);
      await server.kill("host agent");
      await waitFor(() => !server.isArmed, { timeoutMs: 30_000, message: `the crash point ${point} is not reached` });
      await server.untilUp();
      const { id } = await untilDone(server, { method: "POST", path: "/v1/sandboxes", json: {} });
      await untilDone(server, { method: "DELETE", path: `/v1/sandboxes/${id}` });
      expect(readdirSync(join(server.poolDir, "templates"))).toHaveLength(1);
      expect(readdirSync(join(server.poolDir, "scratch"))).toEqual([]);
      expect(existsSync(cached) ? readdirSync(cached).filter((name) => name.includes(".tmp-")) : []).toEqual([]);
    });
  }
});
