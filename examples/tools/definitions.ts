/**
 * A sandbox as tools, in the shapes that agent frameworks take. Nothing of a framework is imported: each takes plain objects
 * with a name, a description, a JSON Schema, and a function.
 */
import type { Sandbox } from "@pandastack/sdk";

/** One tool, for whatever framework. */
export interface ToolDefinition {
  name: string;
  description: string;
  parameters: {
    type: "object";
    properties: Record<string, { type: "string"; description: string }>;
    required: string[];
    additionalProperties: false;
  };
  execute: (args: Record<string, string>) => Promise<string>;
}

const OUTPUT_LIMIT_CHARACTERS = 20_000;

function define(
  name: string,
  description: string,
  properties: Record<string, string>,
  execute: ToolDefinition["execute"],
): ToolDefinition {
  const described = Object.entries(properties).map(([key, text]) => [key, { type: "string", description: text }]);
  const parameters = {
    type: "object" as const,
    properties: Object.fromEntries(described) as ToolDefinition["parameters"]["properties"],
    required: Object.keys(properties),
    additionalProperties: false as const,
  };
  return { name, description, parameters, execute };
}

/** A shell, and files to write and read. */
export function sandboxTools(sandbox: Sandbox): ToolDefinition[] {
  return [
    define("run_command", "Run a shell command.", { command: "The command." }, async ({ command = "" }) => {
      const { exitCode, stdout, stderr } = await sandbox.commands.run(command, { timeoutMs: 60_000 });
      return JSON.stringify({ exitCode, stdout: stdout.slice(-OUTPUT_LIMIT_CHARACTERS), stderr: stderr.slice(-2000) });
    }),
    define("read_file", "Read a text file.", { path: "Its path." }, async ({ path = "" }) =>
      (await sandbox.files.readText(path)).slice(0, OUTPUT_LIMIT_CHARACTERS),
    ),
    define("write_file", "Write a text file.", { path: "Its path.", content: "All of it." }, async (args) => {
      await sandbox.files.write(args["path"] ?? "", args["content"] ?? "");
      return "written";
    }),
  ];
}

/** Vercel's AI SDK: `generateText({ tools: forAiSdk(tools, jsonSchema), … })` with `jsonSchema` of the package `ai`. */
export function forAiSdk<S>(tools: ToolDefinition[], jsonSchema: (schema: ToolDefinition["parameters"]) => S) {
  const entries = tools.map(({ name, description, parameters, execute }) => {
    const inputSchema = jsonSchema(parameters);
    return [name, { description, inputSchema, execute }] as const;
  });
  return Object.fromEntries(entries);
}

/** OpenAI Agents: `new Agent({ tools: forOpenAiAgents(tools).map(tool), … })` with `tool` of `@openai/agents`. */
export function forOpenAiAgents(tools: ToolDefinition[]) {
  return tools.map((each) => ({ ...each, strict: true, execute: (input: unknown) => each.execute(input as never) }));
}

/** LangChain: `forLangChain(tools).map(([run, fields]) => tool(run, fields))` with `tool` of `@langchain/core/tools`. */
export function forLangChain(tools: ToolDefinition[]) {
  return tools.map(({ name, description, parameters, execute }) => {
    return [execute, { name, description, schema: parameters }] as const;
  });
}

/** Anthropic's Messages API: what goes into `tools`, and what answers a `tool_use` block. */
export function forAnthropic(tools: ToolDefinition[]) {
  return {
    tools: tools.map(({ name, description, parameters }) => ({ name, description, input_schema: parameters })),
    answer: async (use: { id: string; name: string; input: unknown }) => {
      const found = tools.find(({ name }) => name === use.name);
      const done =
        found === undefined
          ? { content: `there is no tool ${use.name}`, is_error: true }
          : await found.execute(use.input as Record<string, string>).then(
              (content) => ({ content, is_error: false }),
              (error: unknown) => ({ content: String(error), is_error: true }),
            );
      return { type: "tool_result" as const, tool_use_id: use.id, ...done };
    },
  };
}
