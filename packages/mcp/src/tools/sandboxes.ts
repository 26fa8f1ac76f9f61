import type { Sandbox, SandboxInfo } from "@pandastack/sdk";
import { z } from "zod";
import { pageOf } from "../text.ts";
import { tool } from "../tool.ts";
import { metadata, offset, sandboxId } from "./arguments.ts";

/** What a model needs to know of a sandbox, on one line. */
export function describeSandbox({
  id,
  status,
  template,
  isolation,
  created_at,
  metadata: labels,
}: SandboxInfo): string {
  const said = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  return [id, status, `template ${template}`, isolation, `since ${created_at}`, ...said].join("  ");
}

const listed = (sandbox: Sandbox) => describeSandbox(sandbox.info);

export const sandboxTools = [
  tool({
    name: "create_sandbox",
    title: "Create a sandbox",
    description:
      "Start a new isolated Linux sandbox and get its id. Once this answers, commands work in it at once. It is removed after ttl_seconds without use; delete it when you are done.",
    input: z.object({
      template: z.string().optional().describe("What it starts from; see list_templates. Default: the server's."),
      from_snapshot: z.string().optional().describe("Start as this snapshot was, memory and processes included."),
      ttl_seconds: z.number().int().min(0).optional().describe("Removed after so long without use; 0: never."),
      metadata: metadata.optional(),
      env: z.record(z.string(), z.string()).optional().describe("Environment of every command in it."),
      internet: z.boolean().optional().describe("false: it can reach nothing outside. Default: the workspace's rule."),
    }),
    effect: "changes",
    run: async ({ template, from_snapshot, ttl_seconds, internet, ...rest }, { sandboxes, signal }) => {
      const sandbox = await sandboxes.create({
        template,
        fromSnapshot: from_snapshot,
        ttlSeconds: ttl_seconds,
        network: internet === false ? { egress: "off" } : undefined,
        // A model is told that it is being built, and may do something else meanwhile.
        templateTimeoutMs: 0,
        ...rest,
        signal,
      });
      return { text: `created\n${describeSandbox(sandbox.info)}\nsandbox_id: ${sandbox.id}` };
    },
  }),
  tool({
    name: "list_sandboxes",
    title: "List sandboxes",
    description: "The workspace's sandboxes, newest first.",
    input: z.object({ offset }),
    effect: "reads",
    run: async (args, { sandboxes, signal }) => ({
      text: pageOf(await sandboxes.list({ signal }).toArray(), args.offset, listed, "there are no sandboxes"),
    }),
  }),
  tool({
    name: "get_sandbox",
    title: "Show a sandbox",
    description: "How one sandbox is: status, template, what isolates it, labels. Does not wake it.",
    input: z.object({ sandbox_id: sandboxId }),
    effect: "reads",
    run: async (args, { sandboxes, signal }) => ({
      text: JSON.stringify((await sandboxes.get(args.sandbox_id, { signal })).info, null, 1),
    }),
  }),
  tool({
    name: "delete_sandbox",
    title: "Delete a sandbox",
    description: "End a sandbox and remove everything in it. Cannot be undone; snapshots of it stay.",
    input: z.object({ sandbox_id: sandboxId }),
    effect: "destroys",
    run: async (args, { sandboxes, signal }) => {
      await sandboxes.kill(args.sandbox_id, { signal });
      return { text: `deleted ${args.sandbox_id}` };
    },
  }),
  tool({
    name: "hibernate_sandbox",
    title: "Put a sandbox to sleep",
    description: "Memory goes to disk and nothing runs any more. Any later use wakes it as it was.",
    input: z.object({ sandbox_id: sandboxId }),
    effect: "changes",
    run: async (args, { sandboxes, signal }) => {
      await (await sandboxes.get(args.sandbox_id, { signal })).hibernate({ signal });
      return { text: `${args.sandbox_id} is hibernated; use wakes it` };
    },
  }),
  tool({
    name: "list_templates",
    title: "List templates",
    description: "What new sandboxes can start from.",
    input: z.object({ offset }),
    effect: "reads",
    run: async (args, { templates, signal }) => {
      const all = await templates.list({ signal }).toArray();
      const toLine = (each: (typeof all)[number]) =>
        [each.name, each.status, `${each.cpu} vCPU`, `${each.memory_mb} MB`, ...each.aliases].join("  ");
      return { text: pageOf(all, args.offset, toLine, "there are no templates") };
    },
  }),
];
