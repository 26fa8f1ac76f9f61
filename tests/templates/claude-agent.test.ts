import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { PandaStack } from "@pandastack/sdk";
import { describe, expect, test } from "vitest";

const panda = new PandaStack();
const runtime = process.env["PANDASTACK_TEMPLATE_RUNTIME"];
const only = process.env["PANDASTACK_TEMPLATES"]?.split(",");
const STAND_IN = fileURLToPath(new URL("../catalogue/stand-in-api.ts", import.meta.url));
const TOOLS = JSON.stringify([
  { name: "bash", input: { command: "node --version && echo result > /mnt/session/outputs/result.txt" } },
  { name: "grep", input: { pattern: "result", path: "." } },
]);

describe.skipIf(only?.includes("claude-agent") === false)("claude-agent's worker", () => {
  // As `pandastack cma` of the published client starts it; the API that it speaks to is in the sandbox, too.
  test("serves a session, leaves its results for whoever started it, and ends when the session idles", async () => {
    await using sandbox = await panda.sandboxes.create({ template: "claude-agent", runtime, timeoutMs: 300_000 });
    await sandbox.files.write("/tmp/stand-in-api.ts", readFileSync(STAND_IN));
    const run = (command: string) => sandbox.commands.run(command, { timeoutMs: 120_000 });
    await run(
      `(TOOLS='${TOOLS}'; setsid node /tmp/stand-in-api.ts "$TOOLS" > /tmp/api.log 2>&1 & echo $! > /tmp/api.pid)`,
    );
    const { stdout: url } = await run("for i in $(seq 300); do grep http /tmp/api.log && break; sleep 0.1; done");
    const launch = `#!/bin/sh
export ANTHROPIC_ENVIRONMENT_ID=env_1 ANTHROPIC_ENVIRONMENT_KEY=key ANTHROPIC_SESSION_ID=sesn_1 ANTHROPIC_WORK_ID=work_1
export ANTHROPIC_BASE_URL=${url.trim()} HOME=/root PATH=/opt/mise/shims:$PATH
rm -f /tmp/cma-runner.exit
{ setsid sh -c 'ant beta:worker run --workdir /workspace --max-idle 1s --log-format json >> /var/log/cma-runner.log 2>&1; echo $? > /tmp/cma-runner.exit' </dev/null >/dev/null 2>&1 & }
echo launched
`;
    await sandbox.files.write("/tmp/cma-launch.sh", launch);
    expect((await run("sh /tmp/cma-launch.sh; rm -f /tmp/cma-launch.sh")).stdout).toBe("launched\n");
    const { stdout: code } = await run(
      "for i in $(seq 600); do cat /tmp/cma-runner.exit 2>/dev/null && break; sleep 0.1; done",
    );
    expect(code, (await run("cat /var/log/cma-runner.log")).stdout).toBe("0\n");
    expect((await run("cat /mnt/session/outputs/result.txt")).stdout).toBe("result\n");
    const said = (await run("kill $(cat /tmp/api.pid); sleep 1; tail -1 /tmp/api.log")).stdout;
    expect(JSON.parse(said)).toMatchObject({
      stops: 1,
      results: [{ tool_use_id: "tool_0" }, { tool_use_id: "tool_1" }],
    });
    expect(said).toMatch(/v24\./);
  });

  test("is found by the name that the client stops it by", async () => {
    await using sandbox = await panda.sandboxes.create({ template: "claude-agent", runtime, timeoutMs: 300_000 });
    // An address that nobody answers on: it goes on trying.
    const env = {
      ANTHROPIC_ENVIRONMENT_ID: "env_1",
      ANTHROPIC_ENVIRONMENT_KEY: "key",
      ANTHROPIC_SESSION_ID: "sesn_1",
      ANTHROPIC_WORK_ID: "work_1",
      ANTHROPIC_BASE_URL: "http://127.0.0.1:9",
    };
    await sandbox.commands.start("ant beta:worker run", { env });
    const looked = "for i in $(seq 100); do pgrep -f '[a]nt beta:worker run' && break; sleep 0.1; done";
    expect((await sandbox.commands.run(looked)).stdout).toMatch(/^\d+$/m);
    await sandbox.commands.run("pkill -f '[a]nt beta:worker run'");
    const gone = "for i in $(seq 300); do pgrep -f '[a]nt beta:worker run' || break; sleep 0.1; done | tail -1";
    expect(
      (await sandbox.commands.run(`${gone}; pgrep -fc '[a]nt beta:worker run'`)).stdout.trim().split("\n").at(-1),
    ).toBe("0");
  });
});
