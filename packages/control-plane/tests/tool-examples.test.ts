import { afterAll, beforeAll, expect, test } from "vitest";
import {
  forAiSdk,
  forAnthropic,
  forLangChain,
  forOpenAiAgents,
  sandboxTools,
  type ToolDefinition,
} from "../../../examples/tools/definitions.ts";
import { startFakeServer, type FakeServer } from "./support/fake-server.ts";

/** The example's tools, called as each framework calls what it was given; without a model. */
let server: FakeServer;
let tools: ToolDefinition[];
beforeAll(async () => {
  server = await startFakeServer();
  tools = sandboxTools(await server.panda.sandboxes.create());
});
afterAll(() => server.stop());

test("AI SDK, OpenAI Agents, LangChain, Anthropic: the same tools, in each one's shape", async () => {
  const ai = forAiSdk(tools, (schema) => ({ jsonSchema: schema }));
  expect(Object.keys(ai)).toEqual(["run_command", "read_file", "write_file"]);
  expect(ai["run_command"]!.inputSchema.jsonSchema).toMatchObject({ required: ["command"] });
  expect(await ai["write_file"]!.execute({ path: "/root/a", content: "from ai" })).toBe("written");

  const openai = forOpenAiAgents(tools).find(({ name }) => name === "read_file")!;
  expect(openai).toMatchObject({ strict: true, parameters: { additionalProperties: false } });
  expect(await openai.execute({ path: "/root/a" })).toBe("from ai");

  const [run, fields] = forLangChain(tools)[0]!;
  expect(fields).toMatchObject({ name: "run_command", schema: { type: "object" } });
  expect(JSON.parse(await run({ command: "cat /root/a; exit 3" }))).toMatchObject({ exitCode: 3, stdout: "from ai" });

  const anthropic = forAnthropic(tools);
  expect(anthropic.tools[0]).toMatchObject({ name: "run_command", input_schema: { type: "object" } });
  const use = { id: "toolu_1", name: "read_file", input: { path: "/root/a" } };
  expect(await anthropic.answer(use)).toEqual({
    type: "tool_result",
    tool_use_id: "toolu_1",
    content: "from ai",
    is_error: false,
  });
  expect(await anthropic.answer({ ...use, input: { path: "/none" } })).toMatchObject({ is_error: true });
  expect(await anthropic.answer({ ...use, name: "none" })).toMatchObject({ is_error: true });
});
