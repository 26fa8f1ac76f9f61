/** OpenAI Agents: `new Agent({ name: "Coder", instructions, tools: openAiTools(sandbox) })`. */
import { tool } from "@openai/agents";
import type { Sandbox } from "@pandastack/sdk";
import { forOpenAiAgents, sandboxTools } from "../tools/definitions.ts";

/** A sandbox as function tools. */
export function openAiTools(sandbox: Sandbox) {
  // What went wrong is the model's to read: it may do better at the next try.
  const errorFunction = (_context: unknown, error: unknown) => String(error);
  return forOpenAiAgents(sandboxTools(sandbox)).map((each) => tool({ ...each, strict: true, errorFunction }));
}
