/** LangChain: `model.bindTools(langChainTools(sandbox))`, or `createAgent({ model, tools: langChainTools(sandbox) })`. */
import { tool } from "@langchain/core/tools";
import type { Sandbox } from "@pandastack/sdk";
import { forLangChain, sandboxTools } from "../tools/definitions.ts";

/** A sandbox as structured tools. */
export function langChainTools(sandbox: Sandbox) {
  return forLangChain(sandboxTools(sandbox)).map(([run, fields]) => tool(run, fields));
}
