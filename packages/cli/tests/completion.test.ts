import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { leaves } from "./support/leaves.ts";
import { printed } from "./support/printed.ts";

/** What bash offers at the end of a line, where the program answers with these names. */
async function offeredAfter(line: readonly string[], names: Record<string, string[]> = {}): Promise<string[]> {
  const { stdout: script } = await printed("completion", "bash");
  const folder = mkdtempSync(join(tmpdir(), "pandastack-completion-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const answers = Object.entries(names).map(
    ([kind, all]) => `${kind}) printf '%s\\trunning base\\n' ${all.join(" ")} ;;`,
  );
  writeFileSync(join(folder, "pandastack"), `#!/bin/sh\ncase "$2" in\n${answers.join("\n")}\n*) exit 1 ;;\nesac\n`);
  chmodSync(join(folder, "pandastack"), 0o755);
  writeFileSync(join(folder, "local.txt"), "");
  const typed = line.map((word) => `"${word}"`).join(" ");
  const program = `${script}\nCOMP_WORDS=(pandastack ${typed}); COMP_CWORD=${line.length}; _pandastack; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const env = { ...process.env, PATH: `${folder}:${process.env["PATH"]}` };
  const ran = spawnSync("bash", ["-c", program], { encoding: "utf8", cwd: folder, env });
  expect(ran.stderr).toBe("");
  return ran.stdout.trim().split("\n");
}

describe("bash", () => {
  it("completes commands, those of groups, and options", async () => {
    expect(await offeredAfter(["ex"])).toEqual(["exec"]);
    expect(await offeredAfter(["files", ""])).toEqual(expect.arrayContaining(["list", "cat", "rm"]));
    expect(await offeredAfter(["exec", "--t"])).toEqual(["--tty", "--timeout"]);
    expect(await offeredAfter(["token", "create", "--ro"])).toEqual(["--role"]);
  });

  const ids = {
    sandboxes: ["4f9k2m7x1q8w3e5r6t0y", "5aaaaaaaaaaaaaaaaaaa"],
    templates: ["base", "my-app"],
    volumes: ["data"],
  };

  it("completes sandboxes, templates and the like by what the server has", async () => {
    expect(await offeredAfter(["exec", "4"], ids)).toEqual(["4f9k2m7x1q8w3e5r6t0y"]);
    expect(await offeredAfter(["kill", "4f9k2m7x1q8w3e5r6t0y", ""], ids)).toEqual(ids.sandboxes);
    expect(await offeredAfter(["files", "cat", ""], ids)).toEqual(ids.sandboxes);
    expect(await offeredAfter(["create", "--template", ""], ids)).toEqual(ids.templates);
    expect(await offeredAfter(["create", "-t", "m"], ids)).toEqual(["my-app"]);
    expect(await offeredAfter(["template", "get", "b"], ids)).toEqual(["base"]);
    expect(await offeredAfter(["volume", "delete", ""], ids)).toEqual(["data"]);
    // The value of an option is no argument.
    expect(await offeredAfter(["exec", "--cwd", "/tmp", "5"], ids)).toEqual(["5aaaaaaaaaaaaaaaaaaa"]);
    expect(await offeredAfter(["cp", "4"], ids)).toEqual(["4f9k2m7x1q8w3e5r6t0y:"]);
    expect(await offeredAfter(["cp", "lo"], ids)).toEqual(["local.txt"]);
  });

  it("completes words that can only be some", async () => {
    expect(await offeredAfter(["token", "create", "--role", ""])).toEqual(["read", "member", "admin"]);
    expect(await offeredAfter(["idle", "4f9k2m7x1q8w3e5r6t0y", "h"])).toEqual(["hibernate"]);
    expect(await offeredAfter(["completion", ""])).toEqual(["bash", "zsh", "fish"]);
  });

  it("offers nothing, and files therefore, where it knows nothing", async () => {
    expect(await offeredAfter(["exec", "4"])).toEqual([""]);
    expect(await offeredAfter(["exec", "4f9k2m7x1q8w3e5r6t0y", "--", "4"], ids)).toEqual([""]);
    expect(await offeredAfter(["volume", "create", ""], ids)).toEqual([""]);
    expect(await offeredAfter(["create", "--env", ""], ids)).toEqual([""]);
  });
});

it.each(["zsh", "fish"])("%s gets every command", async (shell) => {
  const { stdout: script } = await printed("completion", shell);
  for (const { name } of leaves()) expect(script).toContain(name.split(" ").at(-1));
});

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
