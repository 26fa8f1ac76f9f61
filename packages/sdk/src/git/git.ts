import type { Commands } from "../commands/commands.ts";
import type { CommandResult } from "../commands/result.ts";
import { PandaStackError } from "../errors/errors.ts";
import type { CallOptions } from "../transport/http.ts";
import { parseLog, parseStatus, type GitCommit, type GitStatus } from "./output.ts";

/** Which repository, and as whom. */
export interface GitOptions extends CallOptions {
  /** The repository's folder. Default /root. */
  cwd?: string | undefined;
  /** For `https` remotes: given to this command alone, and written nowhere in the sandbox. */
  credentials?: { username: string; password: string } | undefined;
}

/** What is cloned, and how much of it. */
export interface CloneOptions extends GitOptions {
  /** Where to. Default: a folder named after the repository, in `cwd`. */
  path?: string | undefined;
  branch?: string | undefined;
  /** Only so many commits. Default: all. */
  depth?: number | undefined;
}

/** Who a commit is by. */
export interface GitAuthor {
  name: string;
  email: string;
}

/** Asks nobody for a password: who waits for an answer to that would wait for ever. */
const QUIET: Record<string, string> = { GIT_TERMINAL_PROMPT: "0", LC_ALL: "C" };
/** Reads the credentials from the environment of the one command. */
const HELPER = '!f() { echo "username=$PANDASTACK_GIT_USER"; echo "password=$PANDASTACK_GIT_PASSWORD"; }; f';

/** git in a sandbox. What it cannot is `run`. */
export class Git {
  readonly #commands: Commands;

  constructor(commands: Commands) {
    this.#commands = commands;
  }

  /**
   * Any git command; throws where it fails, with what git said.
   * @example await sandbox.git.run(["rebase", "main"], { cwd: "/root/project" });
   */
  async run(args: readonly string[], options: GitOptions = {}): Promise<CommandResult> {
    return this.#run(args, options);
  }

  /** @example await sandbox.git.clone("https://github.com/owner/project", { depth: 1, path: "/root/project" }); */
  async clone(url: string, options: CloneOptions = {}): Promise<void> {
    const { path, branch, depth, ...rest } = options;
    const args = ["clone", "--quiet"];
    if (branch !== undefined) args.push("--branch", branch);
    if (depth !== undefined) args.push("--depth", String(depth));
    await this.#run([...args, "--", url, ...(path === undefined ? [] : [path])], rest);
  }
  /** A new repository in `cwd`. */
  async init(options: GitOptions & { branch?: string | undefined } = {}): Promise<void> {
    const { branch = "main", ...rest } = options;
    await this.#run(["init", "--quiet", "--initial-branch", branch], rest);
  }

  /** The branch, how far it is from its remote's, and what has changed. */
  async status(options: GitOptions = {}): Promise<GitStatus> {
    return parseStatus((await this.#run(["status", "--porcelain=v2", "--branch", "-z"], options)).stdout);
  }
  /** What has changed, as a patch; with `isStaged` what the next commit would have. */
  async diff(options: GitOptions & { isStaged?: boolean | undefined } = {}): Promise<string> {
    const { isStaged, ...rest } = options;
    return (await this.#run(["diff", ...(isStaged === true ? ["--staged"] : [])], rest)).stdout;
  }
  /** Commits, newest first. */
  async log(options: GitOptions & { limit?: number | undefined } = {}): Promise<GitCommit[]> {
    const { limit = 50, ...rest } = options;
    const format = "--format=%H%x1f%an%x1f%ae%x1f%cI%x1f%B%x1e";
    return parseLog((await this.#run(["log", `--max-count=${limit}`, format], rest)).stdout);
  }

  /** Takes files into the next commit. Default: all. */
  async add(paths: readonly string[] = ["."], options: GitOptions = {}): Promise<void> {
    await this.#run(["add", "--all", "--", ...paths], options);
  }
  /**
   * Commits what was added; its hash.
   * @example await sandbox.git.commit("fix", { cwd: "/root/project", author: { name: "Agent", email: "agent@example.com" } });
   */
  async commit(message: string, options: GitOptions & { author?: GitAuthor | undefined } = {}): Promise<string> {
    const { author = { name: "PandaStack", email: "sandbox@localhost" }, ...rest } = options;
    const identity = ["-c", `user.name=${author.name}`, "-c", `user.email=${author.email}`];
    await this.#run([...identity, "commit", "--quiet", "--message", message], rest);
    return (await this.#run(["rev-parse", "HEAD"], rest)).stdout.trim();
  }
  /** Another branch; with `isNew` it is made. */
  async checkout(branch: string, options: GitOptions & { isNew?: boolean | undefined } = {}): Promise<void> {
    const { isNew, ...rest } = options;
    await this.#run(["checkout", "--quiet", ...(isNew === true ? ["-b"] : []), branch], rest);
  }
  /** From the branch's remote. */
  async pull(options: GitOptions = {}): Promise<void> {
    await this.#run(["pull", "--quiet", "--ff-only"], options);
  }
  /** To a remote; the branch follows it from then on. */
  async push(options: GitOptions & { remote?: string | undefined; branch?: string | undefined } = {}): Promise<void> {
    const { remote = "origin", branch = "HEAD", ...rest } = options;
    await this.#run(["push", "--quiet", "--set-upstream", remote, branch], rest);
  }

  async #run(args: readonly string[], options: GitOptions): Promise<CommandResult> {
    const { cwd, credentials, ...call } = options;
    const env = { ...QUIET };
    const first: string[] = [];
    if (credentials !== undefined) {
      env["PANDASTACK_GIT_USER"] = credentials.username;
      env["PANDASTACK_GIT_PASSWORD"] = credentials.password;
      // The empty one forgets those that the sandbox has.
      first.push("-c", "credential.helper=", "-c", `credential.helper=${HELPER}`);
    }
    const command = ["git", ...first, ...args].map(quote).join(" ");
    const result = await this.#commands.run(command, { cwd: cwd ?? "/root", env, ...call });
    if (result.exitCode !== 0) throw failure(args[0] === "-c" ? "commit" : (args[0] ?? ""), result);
    return result;
  }
}

function quote(word: string): string {
  return /^[A-Za-z0-9_./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

function failure(verb: string, { exitCode, stdout, stderr }: CommandResult): PandaStackError {
  if (exitCode === 127) return new PandaStackError("there is no git in this sandbox", { code: "client.git_missing" });
  const said = (stderr.trim() || stdout.trim()).split("\n").slice(-5).join("\n");
  return new PandaStackError(`git ${verb} failed: ${said}`, { code: "client.git_failed" });
}
