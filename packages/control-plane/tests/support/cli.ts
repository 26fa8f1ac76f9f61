import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { runProgram } from "../../../cli/src/run-program.ts";
import { ADMIN_TOKEN, type Json } from "./server.ts";

const program = fileURLToPath(new URL("../../../cli/bin/pandastack.mjs", import.meta.url));

/** Our command line as a program of its own, against a server: for what has to be killed. */
export function startCli(url: string, args: readonly string[]) {
  const env = { PATH: process.env["PATH"], PANDASTACK_API_URL: url, PANDASTACK_API_KEY: ADMIN_TOKEN };
  return spawn(process.execPath, [program, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
}

export interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

let before: Promise<unknown> = Promise.resolve();

/** The same in this process, one after the other: the start of a program is most of what a command takes. */
export function runCli(url: string, ...args: string[]): Promise<Ran> {
  const mine = before.then(() => run([...args, "--api-url", url]));
  before = mine.catch(() => {});
  return mine;
}

async function run(words: readonly string[]): Promise<Ran> {
  const said = { stdout: "", stderr: "" };
  const kept = { stdout: process.stdout.write, stderr: process.stderr.write, exitCode: process.exitCode };
  const key = process.env["PANDASTACK_API_KEY"];
  process.env["PANDASTACK_API_KEY"] = ADMIN_TOKEN;
  process.exitCode = undefined;
  for (const name of ["stdout", "stderr"] as const)
    process[name].write = (chunk: unknown) => {
      said[name] += typeof chunk === "string" ? chunk : Buffer.from(chunk as Uint8Array).toString("utf8");
      return true;
    };
  try {
    await runProgram(words);
    return { exitCode: Number(process.exitCode ?? 0), ...said };
  } finally {
    process.stdout.write = kept.stdout;
    process.stderr.write = kept.stderr;
    process.exitCode = kept.exitCode;
    if (key === undefined) delete process.env["PANDASTACK_API_KEY"];
    else process.env["PANDASTACK_API_KEY"] = key;
  }
}

/** What a command that must succeed prints with `--json`. */
export async function cliJson(url: string, ...args: string[]): Promise<Json> {
  const ran = await runCli(url, ...args, "--json");
  if (ran.exitCode !== 0) throw new Error(`pandastack ${args.join(" ")} exited with ${ran.exitCode}: ${ran.stderr}`);
  return JSON.parse(ran.stdout);
}
