import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { waitFor } from "@pandastack/platform";
import { freePort } from "../../../packages/platform/tests/support/free-port.ts";

export const REPOSITORY = join(import.meta.dirname, "../../..");

/** Empty caches are filled by the first start: six minutes are its promise. */
const FIRST_READY_TIMEOUT_MS = 600_000;
/** Several servers of several test runs share a disk; the default, half of what is free, would leave the next ones little. */
const POOL_GB = "8";
/** SIGTERM hibernates every running sandbox before anything ends. */
const STOP_TIMEOUT_MS = 60_000;

export interface ServerOptions {
  /** Kept between starts; default a new folder that goes with the server. */
  dataDir?: string;
  /** Where the code is. Default this clone. */
  repository?: string;
  port?: number;
  env?: Record<string, string>;
  /** Below the test's own timeout: then this one says what was missing, and nothing is left running. */
  readyTimeoutMs?: number;
}

export interface RunningServer {
  url: string;
  token: string;
  dataDir: string;
  port: number;
  supervisor: ChildProcess;
  /** Everything that it wrote, for a failing test's message. */
  log(): string;
  /** SIGTERM, and waits for its end; the data stays. */
  stop(): Promise<void>;
}

/** Starts the real thing as a user does and waits until a create would work. */
export async function startServer(options: ServerOptions = {}): Promise<RunningServer> {
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), "pandastack-e2e-"));
  mkdirSync(dataDir, { recursive: true });
  const port = options.port ?? (await freePort());
  const token = tokenOf(dataDir);
  const logPath = join(dataDir, "e2e-server.log");
  const logFd = openSync(logPath, "a");
  const supervisor = spawn(process.execPath, ["scripts/run.mjs", "start"], {
    cwd: options.repository ?? REPOSITORY,
    env: {
      ...process.env,
      PANDASTACK_DATA_DIR: dataDir,
      PANDASTACK_LISTEN: `127.0.0.1:${port}`,
      PANDASTACK_API_KEY: token,
      PANDASTACK_POOL_GB: process.env["PANDASTACK_POOL_GB"] ?? POOL_GB,
      // A test run that is interrupted leaves no server.
      PANDASTACK_STOP_AT_EOF: "1",
      // The user's own configuration is not the tests' to write.
      XDG_CONFIG_HOME: join(dataDir, "config"),
      ...(hostHasExtraCas() ? { PANDASTACK_GUEST_CA: "host" } : {}),
      ...options.env,
    },
    stdio: ["pipe", logFd, logFd],
    detached: true,
  });
  closeSync(logFd);
  const url = `http://127.0.0.1:${port}`;
  const log = () => readFileSync(logPath, "utf8");
  const stop = () => stopSupervisor(supervisor, log);
  try {
    await waitUntilReady(url, supervisor, { log, timeoutMs: options.readyTimeoutMs ?? FIRST_READY_TIMEOUT_MS });
  } catch (error) {
    await stop().catch(() => supervisor.kill("SIGKILL"));
    throw error;
  }
  return { url, token, dataDir, port, supervisor, log, stop };
}

async function waitUntilReady(
  url: string,
  supervisor: ChildProcess,
  options: { log: () => string; timeoutMs: number },
): Promise<void> {
  let answer = "";
  await waitFor(
    async () => {
      if (hasEnded(supervisor)) throw new Error("the server ended before it was ready");
      const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined);
      answer = (await response?.text().catch(() => undefined)) ?? answer;
      return response?.status === 200;
    },
    { timeoutMs: options.timeoutMs, intervalMs: 50, message: "the server did not become ready" },
  ).catch((error: Error) => {
    throw new Error(`${error.message}\nlast answer: ${answer}\n${tail(options.log())}`);
  });
}

async function stopSupervisor(supervisor: ChildProcess, log: () => string): Promise<void> {
  if (hasEnded(supervisor)) return;
  supervisor.kill("SIGTERM");
  await waitFor(() => hasEnded(supervisor), { timeoutMs: STOP_TIMEOUT_MS, message: "the server did not stop" }).catch(
    (error: Error) => {
      throw new Error(`${error.message}\n${tail(log())}`);
    },
  );
}

export function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/** One token for each data folder: only the first start takes it. */
function tokenOf(dataDir: string): string {
  const path = join(dataDir, "e2e-token");
  if (!existsSync(path)) writeFileSync(path, `pds_${randomBytes(16).toString("hex")}`, { mode: 0o600 });
  return readFileSync(path, "utf8");
}

export function hostHasExtraCas(): boolean {
  const folder = "/usr/local/share/ca-certificates";
  return existsSync(folder) && readdirSync(folder, { recursive: true }).some((name) => String(name).endsWith(".crt"));
}

export function removeData(dataDir: string): void {
  rmSync(dataDir, { recursive: true, force: true });
}

function tail(text: string): string {
  return text.split("\n").slice(-40).join("\n");
}
