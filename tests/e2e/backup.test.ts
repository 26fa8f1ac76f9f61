import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished } from "vitest";
import { PandaStack, Template } from "@pandastack/sdk";
import { panda, server } from "./support/api.ts";
import { leftoversOf } from "./support/leftovers.ts";
import { itWhen } from "./support/not-run.ts";
import { OUR_CLI, runCli } from "./support/programs.ts";
import { type RunningServer, startServer } from "./support/start-server.ts";

const asRoot = itWhen(process.getuid?.() === 0 && server.dataDir !== null, "needs root and a server on this host");

describe("backup and restore", () => {
  asRoot(
    "of a server that runs: another folder has its sandboxes, snapshots, volumes and templates",
    async () => {
      const folder = mkdtempSync(join(tmpdir(), "pandastack-backup-"));
      const undo: (() => Promise<unknown>)[] = [];
      let second: RunningServer | undefined;
      onTestFinished(async () => {
        for (const step of undo.toReversed()) await step().catch(() => {});
        await second?.stop();
        rmSync(folder, { recursive: true, force: true });
      });
      const name = `kept-${Date.now()}`;
      const volume = await panda.volumes.create(name, { sizeMb: 16 });
      undo.push(() => volume.delete());
      const template = Template.from("base").run("echo in the template > /srv/kept");
      await (await panda.templates.build(name, template)).done();
      undo.push(() => panda.templates.delete(name));
      const sleeper = await panda.sandboxes.create({ volumes: [{ name }] });
      const lasting = await panda.sandboxes.create({ persistent: true });
      const passing = await panda.sandboxes.create();
      for (const sandbox of [passing, lasting, sleeper]) undo.push(() => sandbox.kill());
      await sleeper.commands.run(`echo in memory >/dev/shm/kept; echo on the volume >/mnt/${name}/kept; sync`);
      const snapshot = await passing.snapshots.create();
      undo.push(() => panda.snapshots.delete(snapshot.id));
      await lasting.commands.run("echo on disk >/root/kept; sync");
      await sleeper.hibernate();

      const backup = join(folder, "backup");
      const here = { PANDASTACK_DATA_DIR: server.dataDir! };
      const made = await runCli(OUR_CLI, ["backup", backup, "--no-builds", "--json"], { env: here });
      expect(made, made.stderr).toMatchObject({ exitCode: 0, stderr: "" });
      expect(JSON.parse(made.stdout)).toMatchObject({ format: 1, hasDatabase: true });
      const again = await runCli(OUR_CLI, ["backup", backup], { env: here });
      expect(again).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("exists") });
      // The server goes on, and what it does now is not in the backup.
      expect((await passing.commands.run("echo here")).stdout).toBe("here\n");
      await sleeper.kill();

      const dataDir = join(folder, "data");
      // All that the tests before this one have left in the first server's pool, and a new template's memory.
      const PANDASTACK_POOL_GB = "8";
      const there = { PANDASTACK_DATA_DIR: dataDir, PANDASTACK_POOL_GB };
      const restored = await runCli(OUR_CLI, ["restore", backup, "--data-dir", dataDir, "--json"], { env: there });
      expect(restored, restored.stderr).toMatchObject({ exitCode: 0, stderr: "" });
      expect(await runCli(OUR_CLI, ["restore", backup, "--data-dir", dataDir], { env: there })).toMatchObject({
        exitCode: 1,
        stderr: expect.stringContaining("not empty"),
      });
      second = await startServer({
        dataDir,
        env: { PANDASTACK_POOL_GB, PANDASTACK_VMMS_AHEAD: "0" },
        readyTimeoutMs: 120_000,
      });
      const other = new PandaStack({ apiUrl: second.url, token: server.token });

      const woken = await other.sandboxes.get(sleeper.id);
      expect(woken.status).toBe("hibernated");
      const said = await woken.commands.run(`cat /dev/shm/kept /mnt/${name}/kept`);
      expect(said.stdout).toBe("in memory\non the volume\n");
      expect((await other.volumes.get(name)).info.attached_to).toMatchObject([{ sandbox_id: sleeper.id }]);
      if (!server.isFake) {
        const cold = await other.sandboxes.get(lasting.id);
        expect((await cold.commands.run("cat /root/kept", { timeoutMs: 60_000 })).stdout).toBe("on disk\n");
      }
      // Its machine is the first server's.
      expect((await other.sandboxes.get(passing.id)).status).toBe("failed");
      expect((await passing.commands.run("echo here still")).stdout).toBe("here still\n");
      const copy = await other.sandboxes.create({ fromSnapshot: snapshot.id });
      expect((await copy.commands.run("echo from the snapshot")).stdout).toBe("from the snapshot\n");
      const built = await other.sandboxes.create({ template: name });
      expect((await built.commands.run("cat /srv/kept")).stdout).toBe("in the template\n");
      for (const sandbox of [built, copy, woken]) await sandbox.kill();
      await second.stop();
      expect(leftoversOf(dataDir)).toEqual([]);
      expect(existsSync(join(backup, "backup.json"))).toBe(true);
    },
    400_000,
  );
});
