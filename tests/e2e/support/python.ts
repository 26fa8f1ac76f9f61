import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Ran } from "./programs.ts";
import { REPOSITORY } from "./start-server.ts";

/** One that has what the Python client needs; `npm test` says where it is. */
export const PYTHON = process.env["PANDASTACK_TEST_PYTHON"];

/** A program of the Python client, run in a folder of its own against a server. */
export async function runPython(program: string, server: { url: string; token: string }): Promise<Ran> {
  const folder = mkdtempSync(join(tmpdir(), "pandastack-python-"));
  try {
    writeFileSync(join(folder, "program.py"), program);
    return await runIn(folder, ["program.py"], {
      PYTHONPATH: join(REPOSITORY, "python/src"),
      XDG_CONFIG_HOME: folder,
      PANDASTACK_API_URL: server.url,
      PANDASTACK_API_KEY: server.token,
      PANDASTACK_TOKEN: server.token,
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Tests of the Python client, against a server that runs already. */
export function runPytest(args: string[], server: { url: string; token: string; has_programs: boolean }): Promise<Ran> {
  const env = { PANDASTACK_TEST_SERVER: JSON.stringify(server) };
  return runIn(join(REPOSITORY, "python"), ["-m", "pytest", ...args], env);
}

async function runIn(cwd: string, args: string[], more: Record<string, string>): Promise<Ran> {
  const env = { PATH: process.env["PATH"], HOME: process.env["HOME"], PYTHONDONTWRITEBYTECODE: "1", ...more };
  const child = spawn(PYTHON ?? "python3", args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject).once("close", resolve);
  });
  return { exitCode, stdout, stderr };
}

/** The Python blocks of a page. */
export function pythonBlocks(page: string): string[] {
  return [...readFileSync(join(REPOSITORY, page), "utf8").matchAll(/```python\n(.*?)```/gs)].map(
    ([, text = ""]) => text,
  );
}

/** What a program's lines say that they print: `print(6 * 7)  # 42`. */
export function printsOf(program: string): string[] {
  return [...program.matchAll(/^ *print\(.*\) {2}# (.+)$/gm)].map(([, said = ""]) => said);
}

/** A program that builds a template. */
export const BUILDS = /templates\.build/;
