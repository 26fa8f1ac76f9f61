import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { text as readAll } from "node:stream/consumers";
import { Writable } from "node:stream";
import { createInterface } from "node:readline/promises";
import { configPath, PandaStack } from "@pandastack/sdk";
import type { Command } from "commander";
import { type CommonOptions, newCommand } from "../command.ts";
import { UsageError } from "../failure.ts";
import { printJson, printLine } from "../output.ts";

export function loginCommand(): Command {
  return newCommand({
    name: "login",
    summary: "remember a server and a token for this user, after a look whether they are good",
    example: "pandastack login --api-url https://sandboxes.example.com < token.txt",
    more: "The token comes from stdin, or is asked for in a terminal, so that it is in no list of processes. PANDASTACK_API_KEY and PANDASTACK_API_URL go before what is remembered.",
  }).action(async (options: CommonOptions) => {
    const token = await readToken();
    const client = new PandaStack({ baseUrl: options.apiUrl, apiKey: token });
    const { workspace, role } = await client.tokens.me();
    changeConfig((config) => ({ ...withoutNames(config), apiUrl: client.baseUrl, token }));
    if (options.json) printJson({ api_url: client.baseUrl, workspace, role, file: configPath() });
    else printLine(`logged in to ${client.baseUrl}: workspace ${workspace}, role ${role}`);
  });
}

export function logoutCommand(): Command {
  return newCommand({
    name: "logout",
    summary: "forget the remembered token; it stays good until it is revoked",
    example: "pandastack logout",
  }).action((options: CommonOptions) => {
    changeConfig((config) => without(config, ["token", "apiKey", "api_key"]));
    if (options.json) printJson({ logged_out: true });
  });
}

async function readToken(): Promise<string> {
  const { stdin, stderr } = process;
  if (!stdin.isTTY) return requireToken(await readAll(stdin));
  // What is typed is not shown: readline turns the terminal's own echo off, and its own goes nowhere.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: stdin, output: nowhere, terminal: true });
  stderr.write("token: ");
  try {
    return requireToken(await lines.question(""));
  } finally {
    lines.close();
    stderr.write("\n");
  }
}

function requireToken(text: string): string {
  const token = text.trim();
  if (token === "" || /\s/.test(token)) throw new UsageError("a token is needed on stdin: pds_…");
  return token;
}

type Config = Record<string, unknown>;

const without = (config: Config, names: readonly string[]): Config =>
  Object.fromEntries(Object.entries(config).filter(([name]) => !names.includes(name)));

/** Files of other ages name the same two things otherwise. */
const withoutNames = (config: Config): Config =>
  without(config, ["baseUrl", "apiUrl", "base_url", "api_url", "apiKey", "token", "api_key"]);

/** Whole or not at all, and for nobody else to read. */
function changeConfig(change: (config: Config) => Config): void {
  const path = configPath();
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const partial = `${path}.${process.pid}.part`;
  writeFileSync(partial, `${JSON.stringify(change(readConfig(path)), null, 2)}\n`, { mode: 0o600 });
  renameSync(partial, path);
}

function readConfig(path: string): Config {
  try {
    return Object(JSON.parse(readFileSync(path, "utf8"))) as Config;
  } catch {
    // None yet, or none that anybody could read.
    return {};
  }
}
