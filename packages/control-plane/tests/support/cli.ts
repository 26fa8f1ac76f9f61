import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { ADMIN_TOKEN, type Json } from "./server.ts";

const program = fileURLToPath(new URL("../../../cli/bin/pandastack.mjs", import.meta.url));

/** Our command line as a program of its own, against a server. */
export function startCli(url: string, args: readonly string[]) {
  const env = { PATH: process.env["PATH"], PANDASTACK_API_URL: url, PANDASTACK_API_KEY: ADMIN_TOKEN };
  return spawn(process.execPath, [program, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
}

export interface Ran {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export async function runCli(url: string, ...args: string[]): Promise<Ran> {
  const child = startCli(url, args);
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  const [stdout, stderr, exitCode] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { exitCode, stdout, stderr };
}

/** What a command that must succeed prints with `--json`. */
export async function cliJson(url: string, ...args: string[]): Promise<Json> {
  const ran = await runCli(url, ...args, "--json");
  if (ran.exitCode !== 0) throw new Error(`pandastack ${args.join(" ")} exited with ${ran.exitCode}: ${ran.stderr}`);
  return JSON.parse(ran.stdout);
}
