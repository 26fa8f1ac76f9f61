import { PandaStackError, type Sandbox } from "@pandastack/sdk";
import { z } from "zod";
import {
  PARALLEL_QUERIES_LIMIT,
  QUERY_MATCHES_DEFAULT,
  QUERY_MATCHES_LIMIT,
  QUERY_RESULT_LIMIT_CHARACTERS,
} from "../limits.ts";
import { cutText } from "../text.ts";
import { sandboxTool } from "../tool.ts";
import { path } from "./arguments.ts";
import { describePiece, readPiece } from "./files.ts";

const limit = z.number().int().min(1).max(QUERY_MATCHES_LIMIT).default(QUERY_MATCHES_DEFAULT);
const where = path.default("/root").describe("Folder or file to look in. Default /root.");

const Query = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("grep"),
    pattern: z.string().min(1).describe("Regular expression."),
    path: where,
    glob: z.string().optional().describe("Only files like this: *.ts, src/**/*.py"),
    ignore_case: z.boolean().default(false),
    fixed: z.boolean().default(false).describe("The pattern is plain text."),
    limit,
  }),
  z.object({ kind: z.literal("glob"), pattern: z.string().min(1).describe("*.ts, src/**/*.py"), path: where, limit }),
  z.object({
    kind: z.literal("read"),
    path,
    offset: z.number().int().min(0).default(0),
    length: z.number().int().min(1).max(QUERY_RESULT_LIMIT_CHARACTERS).default(QUERY_RESULT_LIMIT_CHARACTERS),
  }),
]);
type Query = z.output<typeof Query>;

export const searchTool = sandboxTool({
  name: "search",
  title: "Search and read, several at once",
  description: [
    `Up to ${PARALLEL_QUERIES_LIMIT} queries side by side in one call: grep (lines that match), glob (files whose path`,
    "fits), read (a piece of a file). Ask everything that you want to know at once. Binary files, .git and node_modules",
    "are left out. Each result is bounded; where there is more, it says how to get it.",
  ].join(" "),
  input: z.object({ queries: z.array(Query).min(1).max(PARALLEL_QUERIES_LIMIT) }),
  effect: "reads",
  run: async ({ queries }, sandbox, signal) => {
    const answers = await Promise.all(queries.map((query) => answer(query, sandbox, signal)));
    const parts = queries.map((query, index) => `## ${index + 1}. ${title(query)}\n${answers[index]!.text}`);
    return { text: parts.join("\n\n"), isError: answers.every(({ hasFailed }) => hasFailed) };
  },
});

const title = (query: Query): string =>
  query.kind === "read" ? `read ${query.path}` : `${query.kind} ${query.pattern} in ${query.path}`;

/** One that fails says so in its place; the others are answered. */
async function answer(
  query: Query,
  sandbox: Sandbox,
  signal: AbortSignal | undefined,
): Promise<{ text: string; hasFailed: boolean }> {
  try {
    return { text: cutText(await find(query, sandbox, signal), QUERY_RESULT_LIMIT_CHARACTERS), hasFailed: false };
  } catch (error) {
    if (!(error instanceof PandaStackError)) throw error;
    return { text: `failed: ${error.message}`, hasFailed: true };
  }
}

async function find(query: Query, sandbox: Sandbox, signal: AbortSignal | undefined): Promise<string> {
  if (query.kind === "read") return describePiece(await readPiece(sandbox, query, signal), query);
  const { path: folder, limit: most } = query;
  if (query.kind === "glob") {
    const { paths, isTruncated } = await sandbox.search.glob(query.pattern, { path: folder, limit: most, signal });
    return withHint(paths, isTruncated, "no file fits");
  }
  const { matches, isTruncated } = await sandbox.search.grep(query.pattern, {
    path: folder,
    glob: query.glob,
    ignoreCase: query.ignore_case,
    isFixed: query.fixed,
    limit: most,
    signal,
  });
  const lines = matches.map(({ path: file, line, text }) => `${file}:${line}: ${text}`);
  return withHint(lines, isTruncated, "no line matches");
}

function withHint(lines: readonly string[], isTruncated: boolean, none: string): string {
  if (lines.length === 0) return none;
  const hint = `[there are more than these ${lines.length}: raise limit, or narrow pattern, path or glob]`;
  return [...lines, ...(isTruncated ? [hint] : [])].join("\n");
}
