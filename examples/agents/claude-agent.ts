/**
 * Claude Agent SDK: `query({ prompt, options: { mcpServers: { sandbox: claudeServer(sandbox) }, tools: [], allowedTools:
 * ["mcp__sandbox__*"] } })`: the agent works in the sandbox, and has no tool that touches this machine.
 */
import { createSdkMcpServer, type McpSdkServerConfigWithInstance, tool } from "@anthropic-ai/claude-agent-sdk";
import type { Sandbox } from "@pandastack/sdk";
import { z } from "zod";
import { sandboxTools } from "../tools/definitions.ts";

/** A sandbox as an MCP server within this process. */
export function claudeServer(sandbox: Sandbox): McpSdkServerConfigWithInstance {
  const tools = sandboxTools(sandbox).map(({ name, description, parameters, execute }) => {
    const fields = Object.entries(parameters.properties);
    const shape = Object.fromEntries(fields.map(([key, { description: about }]) => [key, z.string().describe(about)]));
    return tool(name, description, shape, async (args) => {
      const { text, isError } = await execute(args).then(
        (said) => ({ text: said, isError: false }),
        // What went wrong is the model's to read: it may do better at the next try.
        (error: unknown) => ({ text: String(error), isError: true }),
      );
      return { content: [{ type: "text" as const, text }], isError };
    });
  });
  return createSdkMcpServer({ name: "sandbox", version: "1.0.0", tools });
}
