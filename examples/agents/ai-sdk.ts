/** Vercel's AI SDK: `generateText({ model, tools: aiSdkTools(sandbox), prompt, stopWhen: stepCountIs(10) })`. */
import type { Sandbox } from "@pandastack/sdk";
import { jsonSchema, type ToolSet } from "ai";
import { forAiSdk, sandboxTools } from "../tools/definitions.ts";

/** A sandbox as tools of `generateText`, `streamText` and agents. */
export function aiSdkTools(sandbox: Sandbox): ToolSet {
  return forAiSdk(sandboxTools(sandbox), jsonSchema<Record<string, string>>);
}
