import type { Sandbox, Sandboxes, Snapshots, Templates } from "@pandastack/sdk";
import type { z } from "zod";

/** What a tool works with. */
export interface ToolContext {
  readonly sandboxes: Sandboxes;
  readonly snapshots: Snapshots;
  readonly templates: Templates;
  /** Aborted where the call was cancelled or its caller has gone. */
  readonly signal: AbortSignal | undefined;
}

/** A tool of the workspace: its arguments name the sandbox. */
export interface Tool<S extends z.ZodObject = z.ZodObject> {
  readonly name: string;
  /** For people. */
  readonly title: string;
  /** For models: what it does, when to use it, what is bounded. */
  readonly description: string;
  readonly input: S;
  readonly effect: "reads" | "changes" | "destroys";
  readonly run: (args: z.output<S>, context: ToolContext) => Promise<ToolResult>;
}

/** A tool of one sandbox. */
export interface SandboxTool<S extends z.ZodObject = z.ZodObject> extends Omit<Tool<S>, "run"> {
  readonly run: (args: z.output<S>, sandbox: Sandbox, signal: AbortSignal | undefined) => Promise<ToolResult>;
}

/** Text for a model; an image where code has drawn one. */
export interface ToolResult {
  readonly text: string;
  readonly isError?: boolean;
  readonly images?: readonly { readonly mediaType: string; readonly base64: string }[];
}

export function tool<S extends z.ZodObject>(definition: Tool<S>): Tool {
  return definition;
}

export function sandboxTool<S extends z.ZodObject>(definition: SandboxTool<S>): SandboxTool {
  return definition;
}
