import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test as it } from "@fast-check/vitest";
import fc from "fast-check";
import { afterEach, beforeEach, expect } from "vitest";
import { createLog } from "../../templates/claude-agent/ant/log.ts";
import { readDuration, readOptions, WrongUsage } from "../../templates/claude-agent/ant/options.ts";
import { StandInApi } from "./stand-in-api.ts";

const ANT = fileURLToPath(new URL("../../templates/claude-agent/ant/ant", import.meta.url));
const ENV = {
  ANTHROPIC_ENVIRONMENT_ID: "env_1",
  ANTHROPIC_ENVIRONMENT_KEY: "key",
  ANTHROPIC_SESSION_ID: "sesn_1",
  ANTHROPIC_WORK_ID: "work_1",
};

let folder = "";
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "ant-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The program itself, with `during` called once it has written something that contains `until`. */
function ant(
  args: readonly string[],
  env: Record<string, string>,
  during?: { until: string; do: (pid: number) => void },
) {
  const path = process.env["PATH"] ?? "";
  const child = spawn(process.execPath, [ANT, ...args], { env: { PATH: path, ...env }, cwd: folder });
  return new Promise<Ended>((resolve, reject) => {
    let stdout = "";
    let stderr = "";
    let isDone = false;
    child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => {
      stderr += chunk.toString();
      if (during === undefined || isDone || !stderr.includes(during.until)) return;
      isDone = true;
      during.do(child.pid!);
    });
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, stdout, stderr }));
  });
}

const run = ["beta:worker", "run", "--log-format", "json", "--max-idle", "100ms"];

it("runs a session's tools here, one after the other, and gives the work item back when the session idles", async () => {
  await using api = await StandInApi.start([
    { name: "write", input: { file_path: "notes.txt", content: "a line\n" } },
    { name: "bash", input: { command: "cat notes.txt; echo $((6 * 7)); echo key:$ANTHROPIC_ENVIRONMENT_KEY." } },
    { name: "bash", input: { command: "exit 3" } },
  ]);
  const { code, stderr } = await ant([...run, "--workdir", folder], { ...ENV, ANTHROPIC_BASE_URL: api.url });
  expect(code, stderr).toBe(0);
  expect(readFileSync(join(folder, "notes.txt"), "utf8")).toBe("a line\n");
  expect(api.results.map(({ tool_use_id }) => tool_use_id)).toEqual(["tool_0", "tool_1", "tool_2"]);
  const said = JSON.stringify(api.results[1]);
  expect(said).toContain("a line\\n42");
  // What the model runs does not see the worker's own credential.
  expect(said).toContain("key:.");
  expect(api.count("POST", /\/heartbeat$/)).toBeGreaterThan(0);
  expect(api.count("POST", /\/work\/work_1\/stop$/)).toBe(1);
  expect(new Set(api.seen.map(({ authorization }) => authorization))).toEqual(new Set(["Bearer key"]));
  for (const line of stderr.trim().split("\n")) expect(JSON.parse(line)).toMatchObject({ level: expect.any(String) });
});

it("gives the work item back when it is told to stop in the middle", async () => {
  await using api = await StandInApi.start([{ name: "bash", input: { command: "sleep 60" } }]);
  const { code, stderr } = await ant(
    [...run, "--workdir", folder],
    { ...ENV, ANTHROPIC_BASE_URL: api.url },
    { until: "session tool runner starting", do: (pid) => process.kill(pid, "SIGTERM") },
  );
  expect(code, stderr).toBe(0);
  expect(stderr).toContain('"stopped"');
  expect(api.count("POST", /\/stop$/)).toBe(1);
});

it("leaves a work item alone whose lease another worker has", async () => {
  await using api = await StandInApi.start([{ name: "bash", input: { command: "sleep 60" } }]);
  api.heartbeatStatus = 412;
  const { stderr } = await ant([...run, "--workdir", folder], { ...ENV, ANTHROPIC_BASE_URL: api.url });
  expect(stderr).toContain("lease lost");
  expect(api.count("POST", /\/stop$/)).toBe(0);
});

it("claims work by itself, and runs another program for it where one is named", async () => {
  await using api = await StandInApi.start([]);
  const program = join(folder, "on-work");
  writeFileSync(program, '#!/bin/sh\necho "$ANTHROPIC_WORK_ID $ANTHROPIC_SESSION_ID"\n', { mode: 0o755 });
  const { code, stdout, stderr } = await ant(
    ["beta:worker", "poll", "--on-work", program, "--workdir", folder],
    { ...ENV, ANTHROPIC_BASE_URL: api.url },
    { until: "program ended", do: (pid) => process.kill(pid, "SIGTERM") },
  );
  expect(code, stderr).toBe(0);
  expect(stdout).toBe("work_1 sesn_1\n");
  expect(api.count("POST", /\/work\/work_1\/ack$/)).toBe(1);
  expect(api.count("POST", /\/stop$/)).toBe(0);
});

it.each([
  [[], 0, /^usage/],
  [["--help"], 0, /^usage/],
])("says how it is used: %s", async (args, code, said) => {
  expect(await ant(args, {})).toMatchObject({ code, stdout: expect.stringMatching(said) });
});

it("ends with 2 and says what is missing", async () => {
  const { ANTHROPIC_WORK_ID: _, ...env } = ENV;
  const { code, stderr } = await ant(["beta:worker", "run"], env);
  expect(code).toBe(2);
  expect(stderr).toMatch(/^ant: --work-id or ANTHROPIC_WORK_ID is missing\nusage/);
});

it.each([
  [["beta:worker", "walk"], /no command "beta:worker walk"/],
  [["beta:worker", "run", "more"], /no command/],
  [["beta:worker", "run", "--max-idle", "soon"], /--max-idle: "soon" is no duration/],
  [["beta:worker", "run", "--log-format", "xml"], /text or json, not "xml"/],
  [["beta:worker", "run", "--on-work", "x"], /--on-work belongs to poll/],
  [["beta:worker", "run", "--unknown"], /--unknown/],
])("refuses %j", (args, said) => {
  expect(() => readOptions(args, ENV, "/")).toThrow(WrongUsage);
  expect(() => readOptions(args, ENV, "/")).toThrow(said);
});

it.each([
  ["60s", 60_000],
  ["1.5h", 5_400_000],
  ["20ms", 20],
  ["0", 0],
])("reads %s as %d ms", (text, ms) => {
  expect(readDuration(text)).toBe(ms);
});

it.prop([fc.string()])("takes any text for a duration or refuses it", (text) => {
  try {
    expect(readDuration(text)).toBeGreaterThanOrEqual(0);
  } catch (error) {
    expect(error).toBeInstanceOf(WrongUsage);
  }
});

it.prop([fc.string(), fc.array(fc.oneof(fc.object(), fc.string(), fc.integer()))])(
  "logs one line a message",
  (message, rest) => {
    for (const format of ["text", "json"] as const) {
      const lines: string[] = [];
      createLog(format, (line) => lines.push(line)).info(message, ...rest);
      expect(lines).toHaveLength(1);
      if (format === "json") expect(lines[0]!.split("\n")).toHaveLength(1);
    }
  },
);
