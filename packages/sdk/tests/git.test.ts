import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import type { Commands } from "../src/commands/commands.ts";
import { Git } from "../src/git/git.ts";
import { parseStatus } from "../src/git/output.ts";

/** Commands of this machine instead of a sandbox's: what git takes and says is the same. */
const here = {
  run: (command: string, { cwd, env }: { cwd: string; env: Record<string, string> }) =>
    new Promise((resolve) => {
      const child = spawn("/bin/sh", ["-c", command], { cwd, env: { PATH: process.env["PATH"], HOME: cwd, ...env } });
      const said = { stdout: "", stderr: "" };
      for (const name of ["stdout", "stderr"] as const)
        child[name].setEncoding("utf8").on("data", (text: string) => (said[name] += text));
      child.once("close", (exitCode) => resolve({ exitCode: exitCode ?? 1, ...said }));
    }),
} as unknown as Commands;

it("makes, commits, branches, pushes, clones, and says how things stand", async () => {
  const folder = mkdtempSync(join(tmpdir(), "pandastack-git-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const git = new Git(here);
  const origin = join(folder, "origin.git");
  await git.run(["init", "--quiet", "--bare", "--initial-branch", "main", origin], { cwd: folder });
  const cwd = join(folder, "one");
  mkdirSync(cwd);
  await git.init({ cwd });
  expect(await git.status({ cwd })).toMatchObject({ branch: "main", changes: [] });

  writeFileSync(join(cwd, "a file"), "one\n");
  expect((await git.status({ cwd })).changes).toEqual([
    { path: "a file", from: undefined, staged: ".", unstaged: "?" },
  ]);
  await git.add(undefined, { cwd });
  const author = { name: "It's Me", email: "me@example.com" };
  const hash = await git.commit("first; it's $HOME\n\nand more", { cwd, author });
  expect(await git.log({ cwd })).toEqual([
    { hash, author, date: expect.stringMatching(/^\d{4}-/), message: "first; it's $HOME\n\nand more" },
  ]);

  writeFileSync(join(cwd, "a file"), "two\n");
  expect(await git.diff({ cwd })).toContain("+two");
  await git.run(["mv", "a file", "b"], { cwd });
  expect((await git.status({ cwd })).changes).toMatchObject([{ path: "b", from: "a file", staged: "R" }]);
  await git.checkout("feature", { cwd, isNew: true });
  await git.add(["b"], { cwd });
  await git.commit("second", { cwd });
  await git.run(["remote", "add", "origin", origin], { cwd });
  await git.push({ cwd });
  expect(await git.status({ cwd })).toMatchObject({ branch: "feature", upstream: "origin/feature", behind: 0 });

  await git.clone(origin, { cwd: folder, path: join(folder, "two"), branch: "feature", depth: 1 });
  expect((await git.log({ cwd: join(folder, "two") }))[0]?.message).toBe("second");
  await git.pull({ cwd: join(folder, "two") });
  await expect(git.checkout("none", { cwd })).rejects.toMatchObject({
    code: "client.git_failed",
    message: expect.stringContaining("none"),
  });
});

it("hands credentials to one command, through its environment", async () => {
  const seen: { command: string; env: Record<string, string> }[] = [];
  const spying = {
    run: async (command: string, { env }: { env: Record<string, string> }) => {
      seen.push({ command, env });
      return { exitCode: 0, stdout: "", stderr: "" };
    },
  } as unknown as Commands;
  const credentials = { username: "me", password: "s3cret" };
  await new Git(spying).pull({ credentials });
  expect(seen[0]!.command).not.toContain("s3cret");
  expect(seen[0]!.env).toMatchObject({ PANDASTACK_GIT_PASSWORD: "s3cret", GIT_TERMINAL_PROMPT: "0" });
});

it("reads how far a branch is from its remote's, and conflicts", () => {
  const text = [
    "# branch.oid 1234",
    "# branch.head main",
    "# branch.upstream origin/main",
    "# branch.ab +2 -3",
    "u UU N... 100644 100644 100644 100644 1 2 3 a b c",
    "",
  ].join("\0");
  expect(parseStatus(text)).toEqual({
    branch: "main",
    upstream: "origin/main",
    ahead: 2,
    behind: 3,
    changes: [{ path: "a b c", from: undefined, staged: "U", unstaged: "U" }],
  });
});
