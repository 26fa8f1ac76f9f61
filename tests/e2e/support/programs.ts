import { spawn } from "node:child_process";
import { join } from "node:path";
import { server } from "./api.ts";
import { REPOSITORY } from "./start-server.ts";

export interface Ran {
  exitCode: number | null;
  stdout: string;
  stderr: string;
}

export const PUBLISHED_CLI = join(REPOSITORY, "node_modules/pandastack-published/dist/cli.js");
export const OUR_CLI = join(REPOSITORY, "packages/cli/bin/pandastack.mjs");

/** Runs a command line against the server, its input closed or given, as a script would. */
export async function runCli(
  cli: string,
  args: string[],
  options: { input?: string | Buffer; env?: Record<string, string> } = {},
): Promise<Ran> {
  const env = {
    ...process.env,
    PANDASTACK_API: server.url,
    PANDASTACK_API_URL: server.url,
    PANDASTACK_API_KEY: server.token,
    ...options.env,
  };
  const child = spawn(process.execPath, [cli, ...args], { env, stdio: ["pipe", "pipe", "pipe"] });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
  // A program that exits without reading its input is no failure of this test.
  child.stdin.on("error", () => undefined);
  child.stdin.end(options.input ?? "");
  const exitCode = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { exitCode, stdout: Buffer.concat(stdout).toString("utf8"), stderr: Buffer.concat(stderr).toString("utf8") };
}
