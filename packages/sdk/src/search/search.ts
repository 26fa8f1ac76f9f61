import type { Commands } from "../commands/commands.ts";
import { InvalidRequestError, NotFoundError } from "../errors/errors.ts";
import type { CallOptions } from "../transport/http.ts";
import { globToRegExp, nameOf } from "./glob.ts";

/** Where to look. */
export interface SearchOptions extends CallOptions {
  /** A file or folder, absolute or relative to /root. Default: /root. */
  path?: string | undefined;
  /** Most results; default 200. More are counted as `isTruncated`. */
  limit?: number | undefined;
}

/** What to look for in files. */
export interface GrepOptions extends SearchOptions {
  /** Only files whose name, or path below `path`, fits: `*.ts`, `src/*.py`. */
  glob?: string | undefined;
  ignoreCase?: boolean | undefined;
  /** The pattern is text, not a regular expression. */
  isFixed?: boolean | undefined;
}

/** A line that matches. */
export interface SearchMatch {
  path: string;
  /** Counted from 1. */
  line: number;
  /** At most 1,000 characters of it. */
  text: string;
}

/** Lines that match, by file. */
export interface GrepResult {
  matches: SearchMatch[];
  /** There were more than `limit`. */
  isTruncated: boolean;
  /** What the sandbox had: ripgrep also leaves out what `.gitignore` names. */
  engine: "ripgrep" | "grep";
}

/** Files whose path fits. */
export interface GlobResult {
  paths: string[];
  isTruncated: boolean;
}

const LIMIT_DEFAULT = 200;
const LINE_LIMIT_CHARACTERS = 1000;
/** A search in a large tree takes its time; one that nobody waits for should not go on for ever. */
const SEARCH_TIMEOUT_MS = 60_000;
/** Files that a glob looks at. */
const SCAN_LIMIT = 50_000;

const NO_SUCH_PATH = 66;
const REQUIRE_PATH = `test -e "$IN" || { echo "no such file or directory: $IN" >&2; exit ${NO_SUCH_PATH}; }`;

/**
 * Path, NUL, number, line. Binary files, `.git` and `node_modules` are left out. `head` ends the search once there is enough.
 * The complaint about a bad pattern is the only one that is not silenced.
 */
const GREP = `${REQUIRE_PATH}
if command -v rg >/dev/null 2>&1; then
  echo ripgrep
  set -- --no-config --no-messages --no-heading --with-filename --line-number --null --color never --sort path
  test -n "$NAME" && set -- "$@" --type-add "wanted:$NAME" --type wanted
  test -n "$FIXED" && set -- "$@" --fixed-strings
  test -n "$CASE" && set -- "$@" --ignore-case
  rg "$@" --glob '!.git' --glob '!node_modules' -e "$PATTERN" -- "$IN"
else
  echo grep
  set -- -rnIsHZ --exclude-dir=.git --exclude-dir=node_modules
  test -n "$NAME" && set -- "$@" --include="$NAME"
  if test -n "$FIXED"; then set -- "$@" -F; else set -- "$@" -P; fi
  test -n "$CASE" && set -- "$@" -i
  grep "$@" -e "$PATTERN" -- "$IN"
fi | head -n "$LIMIT" | cut -c "1-$WIDTH"`;

const GLOB = `${REQUIRE_PATH}
find "$IN" -name .git -prune -o -name node_modules -prune -o -type f -name "$NAME" -print | head -n "$LIMIT"`;

/** Looks for text and files in a sandbox, there, and brings only what was found. */
export class Search {
  readonly #commands: Commands;

  constructor(commands: Commands) {
    this.#commands = commands;
  }

  /**
   * Lines that match a regular expression.
   * @example const { matches } = await sandbox.search.grep("TODO|FIXME", { path: "/root/src", glob: "*.ts" });
   */
  async grep(pattern: string, options: GrepOptions = {}): Promise<GrepResult> {
    const { path = "/root", limit = LIMIT_DEFAULT, glob = "", ignoreCase, isFixed, ...call } = options;
    const fits = glob.includes("/") ? globToRegExp(glob) : undefined;
    const output = await this.#run(call, GREP, {
      PATTERN: pattern,
      IN: path,
      NAME: glob === "" ? "" : nameOf(glob),
      FIXED: isFixed === true ? "1" : "",
      CASE: ignoreCase === true ? "1" : "",
      // One for the engine's name, one to see that there is more. What only a path tells apart is filtered here.
      LIMIT: String((fits === undefined ? limit : SCAN_LIMIT) + 2),
      WIDTH: String(LINE_LIMIT_CHARACTERS + path.length + 256),
    });
    const [engine, ...lines] = output.split("\n");
    const matches = lines
      .map(toMatch)
      .filter((match) => match !== undefined)
      .filter((match) => fits === undefined || fits.test(relativeTo(path, match.path)));
    return {
      matches: matches.slice(0, limit),
      isTruncated: matches.length > limit,
      engine: engine === "ripgrep" ? "ripgrep" : "grep",
    };
  }

  /**
   * Files whose path fits a glob, without `.git` and `node_modules`.
   * @example const { paths } = await sandbox.search.glob("src/*.ts", { path: "/root/project" });
   */
  async glob(pattern: string, options: SearchOptions = {}): Promise<GlobResult> {
    const { path = "/root", limit = LIMIT_DEFAULT, ...call } = options;
    const env = { IN: path, NAME: nameOf(pattern), LIMIT: String(SCAN_LIMIT) };
    const scanned = (await this.#run(call, GLOB, env)).split("\n").filter((line) => line !== "");
    const fits = globToRegExp(pattern);
    const paths = scanned.filter((each) => fits.test(relativeTo(path, each))).toSorted();
    return { paths: paths.slice(0, limit), isTruncated: paths.length > limit || scanned.length >= SCAN_LIMIT };
  }

  async #run(call: CallOptions, script: string, env: Record<string, string>): Promise<string> {
    const options = { ...call, timeoutMs: call.timeoutMs ?? SEARCH_TIMEOUT_MS, env, cwd: "/root" };
    const { exitCode, stdout, stderr } = await this.#commands.run(script, options);
    // ripgrep draws first and says at the end.
    const said = stderr.trim().split("\n").at(-1) ?? "";
    if (exitCode === NO_SUCH_PATH) throw new NotFoundError(said, { code: "file.not_found" });
    // All that is not silenced is about the pattern.
    if (said !== "" && stdout.split("\n").length <= 2)
      throw new InvalidRequestError(`the search failed: ${said}`, { code: "client.bad_pattern" });
    return stdout;
  }
}

function toMatch(line: string): SearchMatch | undefined {
  const match = /^([^\0]*)\0(\d+):(.*)$/s.exec(line);
  if (match === null) return undefined;
  return { path: match[1]!, line: Number(match[2]), text: match[3]!.slice(0, LINE_LIMIT_CHARACTERS) };
}

function relativeTo(folder: string, path: string): string {
  const base = folder.replace(/\/+$/, "");
  return path.startsWith(`${base}/`) ? path.slice(base.length + 1) : path;
}
