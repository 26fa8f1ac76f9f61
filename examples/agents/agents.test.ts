import { Agent, type Model, Runner, Usage } from "@openai/agents";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import type { StructuredToolInterface } from "@langchain/core/tools";
import { generateText, stepCountIs } from "ai";
import { MockLanguageModelV4 } from "ai/test";
import type { Sandbox } from "@pandastack/sdk";
import { afterAll, beforeAll, expect, test } from "vitest";
import { aiSdkTools } from "./ai-sdk.ts";
import { claudeServer } from "./claude-agent.ts";
import { langChainTools } from "./langchain.ts";
import { openAiTools } from "./openai-agents.ts";
import { sandboxForTest } from "./sandbox-for-test.ts";

/** Each framework runs its own loop; what a model would say is written here. */
let sandbox: Sandbox;
let stop: () => Promise<void>;
beforeAll(async () => ({ sandbox, stop } = await sandboxForTest()));
afterAll(() => stop());

/** What the "model" asks for, one after the other, in every framework. */
const calls = [
  { name: "write_file", args: { path: "/root/greeting", content: "hello" } },
  { name: "run_command", args: { command: "cat /root/greeting; exit 3" } },
  { name: "read_file", args: { path: "/root/none" } },
];
const NAMES = ["run_command", "read_file", "write_file"];

test("AI SDK: generateText calls the tools that its model asks for, and shows the model what they said", async () => {
  const usage = {
    inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
    outputTokens: { total: 1, text: 1, reasoning: 0 },
  };
  const model = new MockLanguageModelV4({
    doGenerate: [
      ...calls.map(({ name, args }, index) => ({
        content: [
          { type: "tool-call" as const, toolCallId: `call-${index}`, toolName: name, input: JSON.stringify(args) },
        ],
        finishReason: { unified: "tool-calls" as const, raw: undefined },
        usage,
        warnings: [],
      })),
      {
        content: [{ type: "text" as const, text: "done" }],
        finishReason: { unified: "stop" as const, raw: undefined },
        usage,
        warnings: [],
      },
    ],
  });
  const { text, steps } = await generateText({
    model,
    tools: aiSdkTools(sandbox),
    prompt: "greet",
    stopWhen: stepCountIs(5),
  });
  expect(text).toBe("done");
  expect(steps[0]!.toolResults[0]!.output).toBe("written");
  expect(JSON.parse(String(steps[1]!.toolResults[0]!.output))).toMatchObject({ exitCode: 3, stdout: "hello" });
  expect(steps[2]!.content.find(({ type }) => type === "tool-error")).toMatchObject({ toolName: "read_file" });
  expect(model.doGenerateCalls[0]!.tools).toMatchObject(NAMES.map((name) => ({ type: "function", name })));
  expect(JSON.stringify(model.doGenerateCalls[3]!.prompt)).toContain("No such file");
});

test("OpenAI Agents: a run calls the tools that its model asks for, and shows the model what they said", async () => {
  const seen: unknown[] = [];
  let turn = 0;
  const model: Model = {
    getResponse: async (request) => {
      seen.push(request);
      const call = calls[turn++];
      const usage = new Usage();
      if (call === undefined)
        return {
          usage,
          output: [
            {
              type: "message",
              role: "assistant",
              status: "completed",
              content: [{ type: "output_text", text: "done" }],
            },
          ],
        };
      const { name, args } = call;
      const callId = `call-${turn}`;
      return {
        usage,
        output: [{ type: "function_call", callId, name, arguments: JSON.stringify(args), status: "completed" }],
      };
    },
    // oxlint-disable-next-line require-yield -- nothing here is streamed
    getStreamedResponse: async function* () {
      throw new Error("nobody asked for a stream");
    },
  };
  const agent = new Agent({ name: "Greeter", instructions: "greet", model, tools: openAiTools(sandbox) });
  const result = await new Runner({ tracingDisabled: true }).run(agent, "greet");
  expect(result.finalOutput).toBe("done");
  expect(seen[0]).toMatchObject({ tools: NAMES.map((name) => ({ type: "function", name, strict: true })) });
  const said = JSON.stringify(seen.at(-1));
  for (const word of ["written", String.raw`\"exitCode\":3`, "No such file"]) expect(said).toContain(word);
});

test("LangChain: tools are invoked by the calls of a message, and answer with messages", async () => {
  const tools = langChainTools(sandbox);
  expect(tools.map(({ name }) => name)).toEqual(NAMES);
  const invoke = (index: number) => {
    const { name, args } = calls[index]!;
    const call = { type: "tool_call" as const, id: `call-${index}`, name, args };
    return (tools.find((each) => each.name === name) as StructuredToolInterface).invoke(call);
  };
  expect(await invoke(0)).toMatchObject({ content: "written", tool_call_id: "call-0", status: "success" });
  expect(JSON.parse(String((await invoke(1)).content))).toMatchObject({ exitCode: 3, stdout: "hello" });
  await expect(invoke(2)).rejects.toMatchObject({ code: "file.not_found" });
  // Its own check of what a model says, by the schema.
  await expect((tools[0] as StructuredToolInterface).invoke({ comand: "ls" })).rejects.toThrow(/schema/i);
});

test("Claude Agent SDK: an MCP client in this process lists and calls the tools", async () => {
  const { instance, type, name } = claudeServer(sandbox);
  expect({ type, name }).toEqual({ type: "sdk", name: "sandbox" });
  const [ours, theirs] = InMemoryTransport.createLinkedPair();
  const client = new Client({ name: "test", version: "1.0.0" });
  await Promise.all([instance.connect(theirs), client.connect(ours)]);
  const { tools } = await client.listTools();
  expect(tools.map((each) => each.name)).toEqual(NAMES);
  expect(tools[0]!.inputSchema).toMatchObject({ type: "object", required: ["command"] });
  const call = (index: number) => client.callTool({ name: calls[index]!.name, arguments: calls[index]!.args });
  expect(await call(0)).toMatchObject({ content: [{ type: "text", text: "written" }], isError: false });
  expect(JSON.stringify(await call(1))).toContain("hello");
  expect(await call(2)).toMatchObject({ isError: true, content: [{ text: expect.stringContaining("No such file") }] });
  await client.close();
});
