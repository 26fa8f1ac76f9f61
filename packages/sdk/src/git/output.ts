/** A file that differs. */
export interface GitChange {
  path: string;
  /** What it was called before, of one that was renamed. */
  from: string | undefined;
  /** In the next commit: `M`odified, `A`dded, `D`eleted, `R`enamed, …; `.`: not. */
  staged: string;
  /** Not in the next commit yet; `?`: unknown to git. */
  unstaged: string;
}

/** How a repository is. */
export interface GitStatus {
  /** undefined: none is checked out. */
  branch: string | undefined;
  upstream: string | undefined;
  /** Commits that the upstream has not, and that only it has. */
  ahead: number;
  behind: number;
  changes: GitChange[];
}

/** A commit. */
export interface GitCommit {
  hash: string;
  author: { name: string; email: string };
  /** ISO 8601. */
  date: string;
  message: string;
}

/** `git status --porcelain=v2 --branch -z`. */
export function parseStatus(text: string): GitStatus {
  const status: GitStatus = { branch: undefined, upstream: undefined, ahead: 0, behind: 0, changes: [] };
  const entries = text.split("\0");
  for (let at = 0; at < entries.length; at++) {
    const entry = entries[at]!;
    const head = /^# branch\.(head|upstream|ab) (.*)$/.exec(entry);
    if (head?.[1] === "head") status.branch = head[2] === "(detached)" ? undefined : head[2];
    else if (head?.[1] === "upstream") status.upstream = head[2];
    else if (head?.[1] === "ab") {
      const [ahead, behind] = head[2]!.split(" ").map(Number);
      status.ahead = Math.abs(ahead ?? 0);
      status.behind = Math.abs(behind ?? 0);
    }
    const kind = entry[0];
    const [staged = ".", unstaged = "."] = entry.slice(2, 4);
    if (kind === "?") status.changes.push({ path: entry.slice(2), from: undefined, staged: ".", unstaged: "?" });
    // Fields before the path: 8 of a changed one, 9 of a renamed one, 10 of one in conflict.
    else if (kind === "1") status.changes.push({ path: field(entry, 8), from: undefined, staged, unstaged });
    else if (kind === "2") status.changes.push({ path: field(entry, 9), from: entries[++at], staged, unstaged });
    else if (kind === "u") status.changes.push({ path: field(entry, 10), from: undefined, staged, unstaged });
  }
  return status;
}

/** Everything after so many spaces. */
function field(entry: string, spaces: number): string {
  return entry.split(" ").slice(spaces).join(" ");
}

/** Commits whose fields end in 0x1f and which end in 0x1e. */
export function parseLog(text: string): GitCommit[] {
  return text
    .split("\u001e")
    .map((entry) => entry.replace(/^\n/, "").split("\u001f"))
    .filter((fields) => fields.length === 5)
    .map(([hash, name, email, date, message]) => ({
      hash: hash!,
      author: { name: name!, email: email! },
      date: date!,
      message: message!.trim(),
    }));
}
