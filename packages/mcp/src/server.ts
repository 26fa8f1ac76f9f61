import { type CallToolResult, McpServer } from "@modelcontextprotocol/server";
import { type PandaStack, PandaStackError, Sandbox } from "@pandastack/sdk";
import type { z } from "zod";
import packageJson from "../package.json" with { type: "json" };
import type { ToolResult } from "./tool.ts";
import { toolsOfSandbox, workspaceTools } from "./tools/index.ts";

/** Whose sandboxes the tools work with, and for how long. */
export interface ServerContext {
  readonly client: PandaStack;
  /** Aborted where the caller has gone. */
  readonly signal?: AbortSignal | undefined;
}

const WORKSPACE_INSTRUCTIONS = [
  "Isolated Linux sandboxes for running code and commands. create_sandbox answers once the sandbox works; pass its id to the",
  "other tools. Use search for several look-ups at once, fork_sandbox to try several ways from the same state, and",
  "delete_sandbox when you are done.",
].join(" ");
const SANDBOX_INSTRUCTIONS = "One isolated Linux sandbox: run commands in it, read, write and search its files.";

/** The version is the protocol surface's: what tools there are and what they take. */
const SERVER_VERSION = packageJson.version;

/** All that a token may do, as tools. */
export function makeWorkspaceServer({ client, signal }: ServerContext): McpServer {
  const server = new McpServer(
    { name: "pandastack", version: SERVER_VERSION },
    { instructions: WORKSPACE_INSTRUCTIONS, capabilities: { tools: {} } },
  );
  const { sandboxes, snapshots, templates } = client;
  for (const each of workspaceTools)
    register(server, each, (args, cancelled) =>
      each.run(args, { sandboxes, snapshots, templates, signal: either(signal, cancelled) }),
    );
  return server;
}

/** What can be done in one sandbox. */
export function makeSandboxServer({ client, signal }: ServerContext, sandboxId: string): McpServer {
  const server = new McpServer(
    { name: "pandastack-sandbox", version: SERVER_VERSION },
    { instructions: SANDBOX_INSTRUCTIONS, capabilities: { tools: {} } },
  );
  for (const each of toolsOfSandbox)
    register(server, each, async (args, cancelled) => {
      const both = either(signal, cancelled);
      return each.run(args, await Sandbox.get(sandboxId, { signal: both }, client), both);
    });
  return server;
}

interface Registered {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly input: z.ZodObject;
  readonly effect: "reads" | "changes" | "destroys";
}

function register(
  server: McpServer,
  { name, title, description, input, effect }: Registered,
  run: (args: Record<string, unknown>, cancelled: AbortSignal) => Promise<ToolResult>,
): void {
  const annotations = {
    title,
    readOnlyHint: effect === "reads",
    destructiveHint: effect === "destroys",
    // A sandbox may reach the internet: what comes out of it is not ours.
    openWorldHint: true,
  };
  server.registerTool(name, { title, description, inputSchema: input, annotations }, async (args, { mcpReq }) => {
    try {
      return toCallResult(await run(args, mcpReq.signal));
    } catch (error) {
      if (error instanceof PandaStackError) return toCallResult({ text: describeError(error), isError: true });
      throw error;
    }
  });
}

function toCallResult({ text, isError = false, images = [] }: ToolResult): CallToolResult {
  return {
    content: [
      { type: "text", text },
      ...images.map(({ mediaType, base64 }) => ({ type: "image" as const, mimeType: mediaType, data: base64 })),
    ],
    isError,
  };
}

/** A model can act on what went wrong: it gets the text, the code, and what to do. */
function describeError({ message, code, hint }: PandaStackError): string {
  return [`${message} (${code})`, ...(hint === undefined ? [] : [hint])].join("\n");
}

function either(one: AbortSignal | undefined, other: AbortSignal): AbortSignal {
  return one === undefined ? other : AbortSignal.any([one, other]);
}
