import { z } from "zod";
import { sandboxTool, type SandboxTool, tool, type Tool } from "../tool.ts";
import { sandboxId } from "./arguments.ts";
import { branchingTools } from "./branching.ts";
import { codeTool } from "./code.ts";
import { commandTool } from "./commands.ts";
import { fileTools } from "./files.ts";
import { sandboxTools } from "./sandboxes.ts";
import { searchTool } from "./search.ts";

/** What can be done in a sandbox. */
const inside: readonly SandboxTool[] = [commandTool, codeTool, ...fileTools, searchTool];

/** A tool of one sandbox as one of the workspace: the call says which. */
function ofWorkspace(inner: SandboxTool): Tool {
  return tool({
    ...inner,
    input: z.object({ sandbox_id: sandboxId, ...inner.input.shape }),
    run: async ({ sandbox_id: id, ...args }, { sandboxes, signal }) =>
      inner.run(args, await sandboxes.get(id, { signal }), signal),
  });
}

export const workspaceTools: readonly Tool[] = [...sandboxTools, ...inside.map(ofWorkspace), ...branchingTools];

/** By the name that the server of one sandbox has always had for it, too. */
export const toolsOfSandbox: readonly SandboxTool[] = [
  sandboxTool({ ...commandTool, name: "shell", title: "Run a shell command" }),
  ...inside,
];
