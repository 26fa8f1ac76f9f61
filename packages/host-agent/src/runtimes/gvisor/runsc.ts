import { spawn } from "node:child_process";
import type { RunscFeatures } from "./features.ts";

/** One build of runsc. */
export interface RunscBuild {
  /** Names the build: a checkpoint restores with this one only. */
  readonly key: string;
  readonly path: string;
  readonly features: RunscFeatures;
}

/** A start takes 60 ms and a checkpoint as long as its pages; on a machine that is busy many times that. */
const TIMEOUT_MS = 120_000;
const MAX_OUTPUT_CHARS = 1_000;

/**
 * Flags before the command. Cgroups are ours; the writable layer is said in the container's annotations; the spec of a restored
 * container may differ from that of its checkpoint, since each slot has its own range of users; connections of another life
 * end at a restore. The log would be a file on the host that a guest can make grow: what fails is said on stderr, too.
 */
const flags = (build: RunscBuild, root: string): string[] => [
  "--root",
  root,
  "--log=/dev/null",
  "--platform=systrap",
  "--network=sandbox",
  "--ignore-cgroups",
  "--overlay2=none",
  // Newer builds' default; the others would refuse to write down a guest that is talking to us.
  "--net-disconnect-ok",
  // Whatever it sends passes the slot's guard, which knows its address.
  "--net-raw",
  ...build.features.flags,
];

export class RunscFailed extends Error {
  constructor(command: string, outcome: string, said: string) {
    super(`runsc ${command} ${outcome}${said === "" ? "" : `: ${said}`}`);
    this.name = "RunscFailed";
  }
}

const COMMANDS: ReadonlySet<string> = new Set(["create", "start", "restore", "checkpoint", "pause", "resume", "state"]);

export function runscCommand(build: RunscBuild, root: string, argv: readonly string[]): string[] {
  const command = [build.path, ...flags(build, root), ...argv];
  const needsNetns = !build.features.knowsNetns && MAKING_NETWORK.has(argv[0]!);
  return needsNetns
    ? ["unshare", "--mount", "--propagation", "private", "--", "/bin/sh", "-c", HIDE, "hide", ...command]
    : command;
}

const MAKING_NETWORK: ReadonlySet<string> = new Set(["start", "restore"]);
/** What makes an older build take any netns for the host's, out of its sight alone. A fixed text: the command is its arguments. */
const HIDE = 'mount -t tmpfs -o ro tmpfs /proc/sys/net && exec "$@"';

/**
 * Runs runsc to its end, in a session of its own and with an empty environment. `output`: a descriptor that it, and a sandbox that
 * it starts, writes to; then what it said is there and not in the error.
 */
export function execute(command: readonly string[], output?: number): Promise<void> {
  const [file, ...argv] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(file!, argv, {
      detached: true,
      env: {},
      cwd: "/",
      stdio: output === undefined ? ["ignore", "ignore", "pipe"] : ["ignore", output, output],
      timeout: TIMEOUT_MS,
      killSignal: "SIGKILL",
    });
    let said = "";
    // The beginning says what failed; stacks follow.
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      said = `${said}${text}`.slice(0, MAX_OUTPUT_CHARS);
    });
    const name = argv.find((word) => COMMANDS.has(word)) ?? "";
    child.once("error", (error) => reject(new RunscFailed(name, `could not start (${error.message})`, said)));
    // Not "exit": what was said may still be under way. A sandbox never gets this pipe.
    child.once(output === undefined ? "close" : "exit", (code, signal) => {
      if (code === 0) resolve();
      else
        reject(new RunscFailed(name, signal ? `was ended by ${signal}` : `failed with exit code ${code}`, said.trim()));
    });
  });
}
