import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { processStat } from "../../host-agent/src/processes/proc.ts";
import { askForUpgrade, type UpgradeStep } from "../src/upkeep/upgrade.ts";
import { runTool } from "../src/tools/run-tool.ts";
import { waitFor } from "../src/tools/wait.ts";
import { removeEmptyCluster, TestServer } from "./running-server.ts";

const isThere = (pid: number): boolean => {
  const stat = processStat(pid);
  return stat !== undefined && stat.state !== "Z";
};
const uidOf = (pid: number): string => /^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "";

describe.skipIf(process.getuid?.() !== 0)("supervisor (needs root)", { timeout: 120_000 }, () => {
  let server: TestServer;

  afterAll(removeEmptyCluster);

  beforeEach(async () => {
    server = await TestServer.make();
  }, 120_000);
  afterEach(async () => {
    await server.dispose();
  }, 120_000);

  it("starts, says what it waits for, gives each its user, and stops in order with nothing left", async () => {
    await server.dispose();
    server = await TestServer.make({ isNew: true });
    await server.start();
    expect(server.output).toContain("waiting: baking template base");
    const pids = (["postgres", "host-agent", "control-plane"] as const).map((name) => server.recordedPid(name));
    const [postgres, hostAgent, controlPlane] = pids.map(uidOf);
    expect(hostAgent).toBe("0");
    expect(Number(controlPlane)).toBeGreaterThanOrEqual(700_000);
    expect(Number(postgres)).toBe(Number(controlPlane) + 1);
    expect(statSync(server.dataDir).mode & 0o777).toBe(0o700);
    expect(existsSync(join(server.runDir, "pg-private/data/PG_VERSION"))).toBe(false);

    expect(await server.end("SIGTERM")).toBe(0);
    expect(server.notes.filter((note) => note.endsWith("stops"))).toEqual(["control plane stops", "host agent stops"]);
    expect(pids.filter(isThere)).toEqual([]);
    expect(server.leftovers()).toEqual([]);
  });

  it("lets the control plane read its code after it has given up root, and nothing of the data folder", async () => {
    await server.start();
    const controlPlane = server.recordedPid("control-plane");
    const uid = uidOf(controlPlane);
    const inside = (path: string): Promise<string> =>
      runTool(
        "nsenter",
        [`--target=${controlPlane}`, "--mount", `--setuid=${uid}`, `--setgid=${uid}`, "--", "cat", path],
        { life: "plain" },
      );
    const code = join(server.runDir, "code");
    expect(await inside(join(code, "node_modules/pg/package.json"))).toContain('"pg"');
    await expect(inside(join(server.dataDir, "server.json"))).rejects.toThrow(/nsenter failed/);
    // The mounts are that process's own.
    expect(existsSync(join(code, "node_modules/pg"))).toBe(false);
  });

  it("shows the first token once and saves it for the command line", async () => {
    await server.start();
    const token = "pds_00000000000000000000000000000001";
    expect(server.output).toContain(token);
    const file = join(server.dataDir, "config/pandastack/config.json");
    expect(JSON.parse(readFileSync(file, "utf8"))).toEqual({ apiUrl: server.url, token });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    await server.end("SIGTERM");
    await server.start();
    expect(server.output).not.toContain(token);
    expect(server.lastDatabase).toBe("database: pandastack 2");
  });

  it("starts again what dies, and keeps the data", async () => {
    await server.start();
    for (const name of ["host-agent", "postgres"] as const) {
      const pid = server.recordedPid(name);
      process.kill(pid, "SIGKILL");
      await waitFor(() => server.recordedPid(name) !== pid && isThere(server.recordedPid(name)), {
        timeoutMs: 30_000,
        message: `${name} is not started again`,
      });
    }
    process.kill(server.recordedPid("control-plane"), "SIGKILL");
    await waitFor(() => server.lastDatabase === "database: pandastack 2", {
      timeoutMs: 30_000,
      message: `the database is not back:\n${server.output}`,
    });
    // How soon depends on how long it had lived, which depends on the machine.
    expect(server.output).toMatch(/control plane has ended \(signal SIGKILL\); starting it again in [12]00 ms/);
  });

  it("is taken over after kill -9: PostgreSQL goes on, the others are started anew", async () => {
    await server.start();
    const before = (["postgres", "host-agent", "control-plane"] as const).map((name) => server.recordedPid(name));
    await server.end("SIGKILL");
    expect(before.every(isThere)).toBe(true);
    await server.start();
    expect(server.output).toContain("PostgreSQL runs already and is taken over");
    expect(server.recordedPid("postgres")).toBe(before[0]);
    expect(before.slice(1).filter(isThere)).toEqual([]);
    expect(server.lastDatabase).toBe("database: pandastack 2");
    await server.end("SIGTERM");
    expect(before.filter(isThere)).toEqual([]);
    expect(server.leftovers()).toEqual([]);
  });

  it("leaves everything running when it is told to make room for its successor", async () => {
    await server.start();
    const before = (["postgres", "host-agent", "control-plane"] as const).map((name) => server.recordedPid(name));
    expect(await server.end("SIGUSR2", "process")).toBe(0);
    expect(before.every(isThere)).toBe(true);
    await server.start();
    expect(server.recordedPid("postgres")).toBe(before[0]);
    expect(before.slice(1).filter(isThere)).toEqual([]);
    expect(server.lastDatabase).toBe("database: pandastack 2");
  });

  it("is taken over after kill -9 of everything", async () => {
    await server.start();
    const pids = (["postgres", "host-agent", "control-plane"] as const).map((name) => server.recordedPid(name));
    await server.end("SIGKILL");
    for (const pid of pids) process.kill(pid, "SIGKILL");
    await server.start();
    expect(server.lastDatabase).toBe("database: pandastack 2");
  });

  it("starts its parts anew when it is asked to upgrade, one after the other, and PostgreSQL goes on", async () => {
    await server.start();
    const pids = () => (["postgres", "host-agent", "control-plane"] as const).map((name) => server.recordedPid(name));
    const before = pids();
    const steps: UpgradeStep[] = [];
    await askForUpgrade(server.dataDir, (step) => steps.push(step));
    const after = pids();
    expect(after[0]).toBe(before[0]);
    expect(steps).toEqual([
      { step: "set-up" },
      { step: "host agent", from_pid: before[1], pid: after[1] },
      { step: "control plane", from_pid: before[2], pid: after[2] },
    ]);
    expect(before.slice(1).filter(isThere)).toEqual([]);
    expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
    // It was asked to make room, not to put everything to sleep.
    expect(server.notes).not.toContain("host agent stops");
    await server.end("SIGTERM");
    await expect(askForUpgrade(server.dataDir, () => {})).rejects.toThrow(/does not run/);
    expect(server.leftovers()).toEqual([]);
  });

  it("goes on where its data folder was moved to", async () => {
    await server.start();
    const { id } = server;
    await server.end("SIGTERM");
    await server.move();
    await server.start();
    expect(server.id).toBe(id);
    expect(server.lastDatabase).toBe("database: pandastack 2");
  });

  it("watches an adopted PostgreSQL, too", async () => {
    await server.start();
    await server.end("SIGKILL");
    await server.start();
    const adopted = server.recordedPid("postgres");
    process.kill(adopted, "SIGKILL");
    await waitFor(() => server.recordedPid("postgres") !== adopted, {
      timeoutMs: 20_000,
      message: "PostgreSQL is not started again",
    });
  });

  it("refuses a second server on the same data folder, and leaves the first alone", async () => {
    await server.start();
    const second = new Promise<{ code: number | null; text: string }>((resolve) => {
      const child = spawn(process.execPath, [join(import.meta.dirname, "stand-ins/server.ts")], {
        env: { ...process.env, PANDASTACK_DATA_DIR: server.dataDir, PANDASTACK_LISTEN: "127.0.0.1:1" },
      });
      let text = "";
      child.stderr.on("data", (chunk: Buffer) => (text += chunk.toString()));
      child.once("close", (code) => resolve({ code, text }));
    });
    const { code, text } = await second;
    expect(code).toBe(1);
    expect(text).toContain(`Another PandaStack server (pid ${server.pid}) uses ${server.dataDir}`);
    expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
  });

  it("makes room when the npm that started it was killed", async () => {
    const npm = spawn("sleep", ["300"]);
    await server.start({ PANDASTACK_LAUNCHERS: String(npm.pid) });
    const abandoned = server.pid;
    npm.kill("SIGKILL");
    await new Promise((resolve) => npm.once("exit", resolve));
    await server.start();
    expect(isThere(abandoned)).toBe(false);
    expect(server.output).toContain("PostgreSQL runs already and is taken over");
  });

  it("stops in the middle of starting, whenever it is told to", async () => {
    for (const stage of ["", "waiting:"]) {
      const child = server.spawn();
      await waitFor(
        () => (stage === "" ? existsSync(join(server.dataDir, "lock-holder.json")) : server.output.includes(stage)),
        {
          timeoutMs: 60_000,
          message: `not at "${stage}": ${server.output}`,
        },
      );
      await server.end("SIGTERM");
      expect(child.exitCode).not.toBeNull();
      if (existsSync(join(server.dataDir, "server.json"))) expect(server.leftovers()).toEqual([]);
    }
  });

  /** It hears of both at once, however late this process has its turn: else it might have started another meanwhile. */
  const endWithoutHostAgent = (): Promise<number | null> => {
    process.kill(server.pid, "SIGSTOP");
    process.kill(server.recordedPid("host-agent"), "SIGKILL");
    const ended = server.end("SIGTERM");
    process.kill(server.pid, "SIGCONT");
    return ended;
  };

  it("has a host agent that was killed put away what it has made, when it is stopped at that moment", async () => {
    await server.start();
    expect(await endWithoutHostAgent()).toBe(0);
    expect(server.output).toContain("host agent was not there to put away what it has made");
    expect(server.notes.findLast((note) => note.startsWith("host agent"))).toBe("host agent puts away");
    expect(server.leftovers()).toEqual([]);
  });

  it("says so when the host agent can't, and keeps what the next start needs to do it", async () => {
    await server.start({ PANDASTACK_TEST_PUT_AWAY: "fails" });
    mkdirSync(join(server.runDir, "m/0123456789ab"), { recursive: true });
    expect(await endWithoutHostAgent()).toBe(1);
    expect(server.output).toMatch(/Not everything could be cleaned up: host agent .* \(exit code 3\).*host-agent\.log/);
    const { id } = server;
    expect(existsSync(server.runDir)).toBe(true);
    await server.start();
    expect(server.id).toBe(id);
    expect(await server.end("SIGTERM")).toBe(0);
    expect(server.leftovers()).toEqual([]);
  });

  it("stops when its standard input ends, where it was asked to", async () => {
    await server.start({ PANDASTACK_STOP_AT_EOF: "1" });
    expect(await server.endInput()).toBe(0);
    expect(server.leftovers()).toEqual([]);
  });

  it("says who has the port, without touching anything", async () => {
    const child = spawn(process.execPath, [
      "-e",
      `require("net").createServer().listen(${server.port},"127.0.0.1",()=>console.log("on"))`,
    ]);
    await new Promise((resolve) => child.stdout.once("data", resolve));
    try {
      await expect(server.start()).rejects.toThrow(/another program listens there.*PANDASTACK_LISTEN/s);
    } finally {
      child.kill("SIGKILL");
    }
  });

  it("gives up with the log's end when a part can't be started", async () => {
    await expect(server.start({ PANDASTACK_TEST_NOTES: "/nowhere/notes" })).rejects.toThrow(
      /cannot be started. The end of .*\n.*nowhere/s,
    );
    expect(server.leftovers()).toEqual([]);
  });

  it("gives two servers different names, numbers and users", async () => {
    const other = await TestServer.make();
    try {
      await Promise.all([server.start(), other.start()]);
      expect(server.id).not.toBe(other.id);
      expect(uidOf(server.recordedPid("postgres"))).not.toBe(uidOf(other.recordedPid("postgres")));
    } finally {
      await other.dispose();
    }
  });
});
