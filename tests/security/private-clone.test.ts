import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished } from "vitest";
import { PandaStack } from "@pandastack/sdk";
import { server } from "../e2e/support/api.ts";
import { leftoversOf } from "../e2e/support/leftovers.ts";
import { itWhen } from "../e2e/support/not-run.ts";
import { REPOSITORY, type RunningServer, startServer } from "../e2e/support/start-server.ts";

const asRoot = itWhen(process.getuid?.() === 0 && server.dataDir !== null, "needs root and a server on this host");

describe("a clone that only root can read", () => {
  asRoot(
    "serves, beside another server, and leaves nothing when stopped",
    async () => {
      const folder = mkdtempSync(join(tmpdir(), "pandastack-private-"));
      let second: RunningServer | undefined;
      // In this order: a folder that is a server's data goes after the server.
      onTestFinished(async () => {
        await second?.stop();
        rmSync(folder, { recursive: true, force: true });
      });
      const clone = join(folder, "clone");
      const excluded = [".git", ".pandastack", "target", "bench-results"]
        .map((name) => `--exclude=./${name}`)
        .join(" ");
      execFileSync("sh", [
        "-c",
        `umask 077; mkdir "${clone}" && tar -C "${REPOSITORY}" ${excluded} -cf - . | tar -C "${clone}" --no-same-permissions -xf - && chmod 0700 "${clone}"`,
      ]);
      expect(statSync(clone).mode & 0o777).toBe(0o700);
      expect(statSync(join(clone, "packages")).mode & 0o077).toBe(0);

      second = await startServer({ repository: clone, dataDir: join(folder, "data"), readyTimeoutMs: 150_000 });
      const panda = new PandaStack({ apiUrl: second.url, token: second.token });
      const here = await panda.sandboxes.create();
      const there = await new PandaStack({ apiUrl: server.url, token: server.token }).sandboxes.create();
      expect((await here.commands.run("echo second")).stdout).toBe("second\n");
      expect((await there.commands.run("echo first")).stdout).toBe("first\n");
      await expect(panda.sandboxes.get(there.id)).rejects.toMatchObject({ code: "sandbox.not_found" });
      await here.kill();
      await second.stop();
      expect(leftoversOf(second.dataDir)).toEqual([]);
      expect((await there.commands.run("echo first still")).stdout).toBe("first still\n");
      await there.kill();
    },
    300_000,
  );
});
