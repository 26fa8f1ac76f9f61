import { spawn } from "node:child_process";
import { LET_GO_OF_POOLS } from "../../../host-agent/src/pool/let-go-of-pools.ts";
import { ToolFailed } from "./tool-failed.ts";

const LAST_LINES = 15;
const STDOUT_LIMIT_BYTES = 16 * 1024 * 1024;

export interface ToolOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Written to its stdin; without it stdin is empty. */
  readonly input?: string;
  /** Gets everything that the tool prints. */
  readonly log?: (text: string) => void;
  /**
   * `dies-with-us` (default): in a PID and mount namespace of its own that the kernel ends when we die, so that a killed
   * set-up leaves neither processes nor mounts. `outlives-us`: a session of its own, for what must not be cut off (dpkg).
   * `plain`: neither, for quick questions.
   */
  readonly life?: "dies-with-us" | "outlives-us" | "plain";
}

/** Runs a program to its end and returns what it wrote on stdout. Rejects with ToolFailed. */
export function runTool(file: string, args: readonly string[], options: ToolOptions = {}): Promise<string> {
  const life = options.life ?? "dies-with-us";
  const [command, argv] = life === "dies-with-us" ? inBox(file, args) : [file, args];
  options.log?.(`$ ${[file, ...args].join(" ")}`);
  return new Promise((resolve, reject) => {
    const child = spawn(command, argv, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      detached: life === "outlives-us",
      stdio: ["pipe", "pipe", "pipe"],
    });
    // A tool may end without reading what it was given.
    child.stdin.on("error", () => {});
    child.stdin.end(options.input ?? "");
    const stdout: Buffer[] = [];
    let stdoutBytes = 0;
    let tail = "";
    const note = (chunk: Buffer): void => {
      options.log?.(chunk.toString());
      tail = (tail + chunk.toString()).slice(-8192);
    };
    child.stdout.on("data", (chunk: Buffer) => {
      note(chunk);
      stdoutBytes += chunk.length;
      if (stdoutBytes <= STDOUT_LIMIT_BYTES) stdout.push(chunk);
    });
    child.stderr.on("data", note);
    child.on("error", (cause) =>
      reject(new ToolFailed(`${command} could not be started: ${cause.message}`, [], { cause })),
    );
    child.on("close", (code, signal) => {
      if (code === 0) return resolve(Buffer.concat(stdout).toString());
      const how = signal === null ? `exit code ${code}` : `signal ${signal}`;
      reject(new ToolFailed(`${file} failed (${how})`, lastLines(tail)));
    });
  });
}

/**
 * setpriv dies with us, unshare dies with setpriv's process (it *is* that process), the tool is PID 1 of its namespace: when it
 * goes, the kernel kills every descendant and drops every mount it made.
 */
function inBox(file: string, args: readonly string[]): [string, string[]] {
  const box = ["--pdeathsig=KILL", "--", "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--"];
  return ["setpriv", [...box, "sh", "-c", `${LET_GO_OF_POOLS}; exec "$@"`, "sh", file, ...args]];
}

function lastLines(text: string): string[] {
  return text
    .split(/[\r\n]+/)
    .filter((line) => line.trim() !== "")
    .slice(-LAST_LINES);
}
