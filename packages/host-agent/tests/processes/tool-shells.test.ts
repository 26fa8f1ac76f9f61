import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fc, test as property } from "@fast-check/vitest";
import { waitFor } from "@pandastack/platform";
import { expect, it } from "vitest";
import { treeOf } from "../../../../tests/e2e/support/process-tree.ts";
import { processStat } from "../../src/processes/proc.ts";
import { CommandFailed } from "../../src/processes/run.ts";
import { ToolShells } from "../../src/processes/tool-shells.ts";

const SHOW = 'printf "%s|" "$@"';

const shells = new ToolShells();
const hasEnded = (pid: number): boolean => [undefined, "Z"].includes(processStat(pid)?.state);
const shellPids = (): number[] =>
  treeOf(process.pid)
    .filter(({ parent, command }) => parent === process.pid && command === "sh")
    .map(({ pid }) => pid);

property.prop(
  [
    fc.array(
      fc.string({ unit: "binary" }).map((text) => text.replaceAll("\0", "")),
      { maxLength: 5 },
    ),
  ],
  {
    numRuns: 200,
  },
)("arguments arrive as they are", async (args) => {
  const said = await shells.run("show", args.length === 0 ? ":" : SHOW, args);
  // What is no text in UTF-8 is replaced on the way in either case.
  const expected = args.map((arg) => `${Buffer.from(arg).toString("utf8")}|`).join("");
  expect(said.replaceAll("\n", "")).toBe(expected.replaceAll("\n", "").replaceAll("\r", ""));
});

it("answers what was said on both streams, with and without a last line end", async () => {
  expect(await shells.run("echo", 'echo "$1"; echo "$2" >&2', ["one", "two"])).toBe("one\ntwo\n");
  expect(await shells.run("printf", "printf one", [])).toBe("one");
  expect(await shells.run("true", "true", [])).toBe("");
});

it("a script's text is data where it is put into another's input", async () => {
  expect(await shells.run("cat", "cat <<END\n$1\nEND", ["$(id)\n`id` \\ '\nEN"])).toBe("$(id)\n`id` \\ '\nEN\n");
});

it("nothing of one script is left for the next", async () => {
  await expect(shells.run("fails", "set -e; cd /tmp; LEFT=1; false; echo no", [])).rejects.toMatchObject({
    exitCode: 1,
  });
  await expect(shells.run("exits", "exit 7", [])).rejects.toMatchObject({ exitCode: 7 });
  expect(await shells.run("after", 'pwd; echo "$LEFT $#"', [])).toBe("/\n 0\n");
  expect(await shells.run("environment", "cat; env | cut -d= -f1 | sort | tr '\\n' ' '", [])).toMatch(/^LC_ALL .*PATH/);
});

it("says what failed and why", async () => {
  const failure = await shells
    .run("links", "echo one; echo two >&2; exit 3", ["a\nb"])
    .catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(CommandFailed);
  expect(failure).toMatchObject({ exitCode: 3 });
  expect(String(failure)).toMatch(/links a failed with exit code 3: one\ntwo/);
  await expect(shells.run("zero", SHOW, ["\0"])).rejects.toThrow("zero byte");
  expect(await shells.run("still", "echo there", [])).toBe("there\n");
});

it("as many as asked for go side by side, up to a bound, and one shell stays", async () => {
  const folder = mkdtempSync(join(tmpdir(), "ps-shells-"));
  // Each waits for the other: one after the other they would never end.
  const meet = 'touch "$1/$2"; while [ ! -e "$1/$3" ]; do sleep 0.02; done; echo met';
  const met = await Promise.all([
    shells.run("meet", meet, [folder, "a", "b"]),
    shells.run("meet", meet, [folder, "b", "a"]),
  ]);
  expect(met).toEqual(["met\n", "met\n"]);
  const many = await Promise.all(Array.from({ length: 40 }, (_, n) => shells.run("echo", 'echo "$1"', [String(n)])));
  expect(many).toEqual(Array.from({ length: 40 }, (_, n) => `${n}\n`));
  expect(shellPids().length).toBeLessThanOrEqual(8);
  await waitFor(() => shellPids().length === 1, { timeoutMs: 10_000, message: "more than one shell stays" });
  shells.rest();
  await waitFor(() => shellPids().length === 0, { timeoutMs: 10_000, message: "it stays" });
  expect(await shells.run("echo", "echo again", [])).toBe("again\n");
  rmSync(folder, { recursive: true });
});

it("ends a script that takes too long, and what it started; the next has another shell", async () => {
  const folder = mkdtempSync(join(tmpdir(), "ps-shells-"));
  const late = shells.run("late", 'sleep 60 & echo $! > "$1/pid"; wait', [folder], { timeoutMs: 3_000 });
  await expect(late).rejects.toThrow(/was killed after 3000 ms/);
  const pid = Number(readFileSync(join(folder, "pid"), "utf8"));
  await waitFor(() => hasEnded(pid), { timeoutMs: 15_000, message: "it lives on" });
  expect(await shells.run("after", "echo again", [])).toBe("again\n");
  rmSync(folder, { recursive: true });
});

it("a shell that is killed fails what it was at, and nothing else", async () => {
  const folder = mkdtempSync(join(tmpdir(), "ps-shells-"));
  const cut = shells.run("cut", 'touch "$1/begun"; sleep 60', [folder]);
  const outcome = expect(cut).rejects.toMatchObject({ exitCode: null, message: expect.stringMatching(/cut off/) });
  await waitFor(
    () => {
      try {
        return readFileSync(join(folder, "begun")) && true;
      } catch {
        return false;
      }
    },
    { timeoutMs: 15_000, message: "it has not begun" },
  );
  const script = treeOf(process.pid).filter(({ parent }) => shellPids().includes(parent));
  expect(script).toHaveLength(1);
  for (const pid of shellPids()) process.kill(pid, "SIGKILL");
  await outcome;
  await waitFor(() => script.every(({ pid }) => hasEnded(pid)), { timeoutMs: 15_000, message: "the script lives on" });
  expect(await shells.run("after", "echo again", [])).toBe("again\n");
  rmSync(folder, { recursive: true });
});
