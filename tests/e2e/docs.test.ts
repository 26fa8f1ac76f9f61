import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { panda, server } from "./support/api.ts";
import { type Block, blocksOf, pages } from "./support/docs.ts";
import { itWhen } from "./support/not-run.ts";
import { REPOSITORY } from "./support/start-server.ts";

/** A page's shell is twenty command lines, each a second of work on a busy machine. */
const PAGE_TIMEOUT_MS = 300_000;

/** Blocks that are not run here, by page and what they contain, and why. */
const notRun: { page: string; holds: string; why: string }[] = [
  {
    page: "docs/mcp.md",
    holds: "claude mcp add",
    why: "needs that program; docs/mcp.md's tools have tests of their own",
  },
  {
    page: "python/README.md",
    holds: "pip install ./python",
    why: "installs from an index; python/tests/test_package.py installs the wheel",
  },
  {
    page: "docs/templates.md",
    holds: "",
    why: "builds of minutes, with packages from the internet: tests/templates runs such ones",
  },
];

/** Lines of a block that are done in another way here: that package is installed already, as the lock file pins it. */
const instead: { line: RegExp; done: string }[] = [
  {
    line: /^npm install @pandastack\/sdk@0\.9\.0$/m,
    done: `ln -sfn ${join(REPOSITORY, "node_modules/pandastack-published")} node_modules/@pandastack/sdk`,
  },
];

const RUN = new Set(["ts", "sh"]);
const READ = new Set(["json"]);
/** By their own tests: python/tests/test_readme.py. */
const ELSEWHERE = new Set(["python"]);

const all = pages().flatMap((page) => blocksOf(page));
const reasonOf = ({ page, text }: Block): string | undefined =>
  notRun.find((each) => each.page === page && text.includes(each.holds))?.why;
const nameOf = ({ page, line, language }: Block): string => `${page}:${line} (${language})`;
const runnable = itWhen(!server.isFake, "the fake guest has no programs of its own");

it("knows what to do with every example on every page", () => {
  const unknown = all.filter((block) => ![RUN, READ, ELSEWHERE].some((set) => set.has(block.language)));
  expect(unknown.map(nameOf), "write ts, sh, python or json after the fence, or indent what is no example").toEqual([]);
  for (const { line } of instead)
    expect(
      all.some(({ text }) => line.test(text)),
      String(line),
    ).toBe(true);
  const stale = notRun.filter(
    ({ page, holds }) => !all.some((block) => block.page === page && block.text.includes(holds)),
  );
  expect(stale, "there are no such blocks any more").toEqual([]);
  for (const page of ["README.md", "packages/sdk/README.md", "packages/cli/README.md", "packages/mcp/README.md"])
    expect(all.filter((block) => block.page === page).length, page).toBeGreaterThan(0);
});

it.each(all.filter(({ language }) => language === "json").map((block) => [nameOf(block), block] as const))(
  "%s is JSON",
  (_name, { text }) => {
    expect(JSON.parse(text)).toBeTypeOf("object");
  },
);

describe("TypeScript on pages runs as it stands", () => {
  for (const block of all.filter(({ language }) => language === "ts")) {
    const reason = reasonOf(block);
    const runs = reason === undefined ? runnable : itWhen(false, reason);
    runs(
      nameOf(block),
      async () => {
        const folder = workFolder();
        writeFileSync(join(folder, "block.ts"), block.text);
        await succeeds(process.execPath, ["block.ts"], folder);
      },
      PAGE_TIMEOUT_MS,
    );
  }
});

/** A reader goes down a page in one shell: what one block has set, the next one uses. */
describe("shell on pages runs from top to bottom", () => {
  for (const page of new Set(all.filter(({ language }) => language === "sh").map((block) => block.page))) {
    const blocks = all.filter((block) => block.page === page && block.language === "sh");
    const run = blocks.filter((block) => reasonOf(block) === undefined);
    for (const block of blocks)
      if (!run.includes(block)) itWhen(false, reasonOf(block) ?? "")(nameOf(block), async () => undefined);
    if (run.length === 0) continue;
    runnable(
      `${page}: ${run.length} blocks`,
      async () => {
        const folder = workFolder();
        const lines = run.map((block) => `echo "# ${nameOf(block)}" >&3\n${prepared(block.text)}`);
        writeFileSync(join(folder, "page.sh"), lines.join("\n"));
        await succeeds("bash", ["-euo", "pipefail", "-c", "exec 3>&2; . ./page.sh"], folder);
      },
      PAGE_TIMEOUT_MS,
    );
  }
});

/** What a page says of any server, for this one. */
function prepared(text: string): string {
  return instead
    .reduce((given, { line, done }) => given.replace(line, done), text)
    .replaceAll("http://127.0.0.1:8080", server.url)
    .replaceAll("pds_…", server.token);
}

/** A project that has what the pages say that a reader has. */
function workFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "pandastack-docs-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "package.json"), '{"type":"module"}');
  mkdirSync(join(folder, "node_modules/@pandastack"), { recursive: true });
  for (const name of [".bin", "@modelcontextprotocol", "zod", "ws"])
    symlinkSync(join(REPOSITORY, "node_modules", name), join(folder, "node_modules", name));
  for (const name of ["sdk", "mcp"])
    symlinkSync(join(REPOSITORY, "packages", name), join(folder, "node_modules/@pandastack", name));
  mkdirSync(join(folder, "src"));
  for (const name of ["script.py", "src/main.py"]) writeFileSync(join(folder, name), "print(1)\n");
  writeFileSync(join(folder, "notes.txt"), "notes\n");
  return folder;
}

/** What is left to the reader, sandboxes and snapshots, goes with the test. */
async function succeeds(program: string, args: string[], cwd: string): Promise<void> {
  const before = new Set(await made());
  try {
    const ran = await run(program, args, cwd);
    expect(ran, `${ran.stderr}\n${ran.stdout}`).toMatchObject({ exitCode: 0 });
  } finally {
    for (const id of await made())
      if (!before.has(id)) await (id.includes("-") ? panda.snapshots.delete(id) : panda.sandboxes.kill(id));
  }
}

async function made(): Promise<string[]> {
  const [sandboxes, snapshots] = [await panda.sandboxes.list().toArray(), await panda.snapshots.list().toArray()];
  return [...sandboxes, ...snapshots].map(({ id }) => id);
}

interface Ran {
  exitCode: number | null;
  stdout: string;
  stderr: string;
}

async function run(program: string, args: string[], cwd: string): Promise<Ran> {
  const env = {
    ...process.env,
    PATH: `${join(cwd, "node_modules/.bin")}:${process.env["PATH"]}`,
    // A page that logs in writes no one's configuration but this.
    XDG_CONFIG_HOME: join(cwd, "config"),
    PANDASTACK_API_URL: server.url,
    PANDASTACK_API_KEY: server.token,
  };
  const child = spawn(program, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const exitCode = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { exitCode, stdout, stderr };
}
