import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { panda, server } from "./support/api.ts";
import { itWhen } from "./support/not-run.ts";
import { REPOSITORY } from "./support/start-server.ts";

const EXAMPLE_TIMEOUT_MS = 180_000;

/** What each example prints; one without a line here fails. */
const prints: Record<string, RegExp> = {
  "background.ts": /^line 1\nline 2\nline 3\nended with 0\n$/,
  "best-of-three.ts": /^kept [a-z0-9]{20}: .* took \d+ ms\n$/,
  "errors.ts": /^exit code 1\nexec\.timeout: .+\nsandbox\.invalid_state: .+ \(request \S+\)\n$/,
  "folders.ts": /^sorted: 1 2 3\n$/,
  "quickstart.ts": /^[a-z0-9]{20} runs on \S+\nhello from Linux.*\nasleep: hibernated\n.*import platform/s,
};

const examples = readdirSync(join(REPOSITORY, "examples")).filter((name) => name.endsWith(".ts"));

it("knows every example", () => {
  expect(examples.toSorted()).toEqual(Object.keys(prints).toSorted());
});

for (const name of examples) {
  const runs = itWhen(!server.isFake, "the fake guest has no programs of its own");
  runs(
    `examples/${name} does what it says, and leaves nothing`,
    async () => {
      const before = await ids();
      const ran = await runNode([join(REPOSITORY, "examples", name)], REPOSITORY);
      expect(ran, ran.stderr).toMatchObject({ exitCode: 0, stderr: "" });
      expect(ran.stdout).toMatch(prints[name]!);
      expect(await ids()).toEqual(before);
    },
    EXAMPLE_TIMEOUT_MS,
  );
}

async function ids(): Promise<string[]> {
  return (await panda.sandboxes.list().toArray()).map(({ id }) => id).toSorted();
}

async function runNode(
  args: string[],
  cwd: string,
): Promise<{ exitCode: number | null; stdout: string; stderr: string }> {
  const env = { ...process.env, PANDASTACK_API_URL: server.url, PANDASTACK_API_KEY: server.token };
  const child = spawn(process.execPath, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const exitCode = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { exitCode, stdout, stderr };
}
