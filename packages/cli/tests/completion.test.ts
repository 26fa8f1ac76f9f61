import { spawnSync } from "node:child_process";
import { expect, it, vi } from "vitest";
import type { Command } from "commander";
import { runProgram } from "../src/run-program.ts";
import { buildProgram } from "../src/program.ts";

async function printed(...words: string[]): Promise<{ stdout: string; stderr: string }> {
  const said = { stdout: "", stderr: "" };
  const spies = (["stdout", "stderr"] as const).map((name) =>
    vi.spyOn(process[name], "write").mockImplementation((chunk) => {
      said[name] += String(chunk);
      return true;
    }),
  );
  try {
    await runProgram(words);
  } finally {
    for (const spy of spies) spy.mockRestore();
    process.exitCode = undefined;
  }
  return said;
}

it("bash completes commands, those of groups, and options", async () => {
  const { stdout: script } = await printed("completion", "bash");
  const complete = (...words: string[]): string[] => {
    const typed = words.map((word) => `"${word}"`).join(" ");
    const program = `${script}\nCOMP_WORDS=(pandastack ${typed}); COMP_CWORD=${words.length}; _pandastack; echo "\${COMPREPLY[*]}"`;
    return spawnSync("bash", ["-c", program], { encoding: "utf8" }).stdout.trim().split(" ");
  };
  expect(complete("ex")).toEqual(["exec"]);
  expect(complete("files", "")).toEqual(expect.arrayContaining(["list", "cat", "rm"]));
  expect(complete("exec", "--t")).toEqual(["--tty", "--timeout"]);
  expect(complete("token", "create", "--ro")).toEqual(["--role"]);
});

it.each(["zsh", "fish"])("%s gets every command", async (shell) => {
  const { stdout: script } = await printed("completion", shell);
  for (const { name } of leaves()) expect(script).toContain(name.split(" ").at(-1));
});

const leaves = (): { command: Command; name: string }[] => {
  const all: { command: Command; name: string }[] = [];
  const visit = (command: Command, words: string[]): void => {
    const name = [...words, command.name()];
    if (command.commands.length === 0) all.push({ command, name: name.slice(1).join(" ") });
    for (const each of command.commands) if (each.name() !== "help") visit(each, name);
  };
  visit(buildProgram(), []);
  return all;
};

/** Words of a shell line; what is put in from another command is one word. */
function wordsOf(line: string): string[] {
  const own = line.replaceAll(/\$\([^)]*\)/g, "X").replace(/ (<|>|\||&&) .*$/, "");
  return [...own.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? match[2] ?? match[3]!);
}

it("has an example in the help of every command, which it understands", () => {
  expect(leaves().length).toBeGreaterThan(60);
  for (const { command, name } of leaves()) {
    let help = "";
    command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
    const example = /Example:\n {2}\$ (pandastack .*)/.exec(help)?.[1];
    expect(example, name).toBeDefined();
    expect(help, name).toContain("--json");
    // One that puts another in shows both.
    const lines = [example!, ...[...example!.matchAll(/\$\((pandastack [^)]*)\)/g)].map((match) => match[1]!)];
    const isOwn = (line: string) => wordsOf(line).slice(1).join(" ").startsWith(name);
    const words = wordsOf(lines.find(isOwn) ?? example!).slice(1);
    const own = [name.split(" "), ...command.aliases().map((alias) => [...name.split(" ").slice(0, -1), alias])];
    const path = own.find((each) => each.every((word, index) => words[index] === word));
    expect(path, `${name}: ${example}`).toBeDefined();
    const rest = words.slice(path!.length);
    const end = rest.indexOf("--");
    const { unknown } = command.parseOptions(end === -1 ? rest : rest.slice(0, end));
    expect(unknown, `${name}: ${example}`).toEqual([]);
  }
});

it("asks whether another command or option was meant", async () => {
  expect((await printed("lst")).stderr).toContain("Did you mean one of list, ls?");
  expect((await printed("files", "remvoe", "x")).stderr).toMatch(/unknown command 'remvoe'/);
  expect((await printed("exec", "--timeot", "5", "x", "y")).stderr).toContain("Did you mean --timeout?");
});
