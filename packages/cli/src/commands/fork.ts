import type { ForkOptions, Sandbox } from "@pandastack/sdk";
import type { Command } from "commander";
import { clientFor, type CommonOptions, keyValues, newCommand, wholeNumber } from "../command.ts";
import { egressLimit, networkPolicy, type NetworkOptions, withNetworkOptions } from "../network-options.ts";
import { printJson, printLine } from "../output.ts";

const MOST_CHILDREN = 16;

interface Options extends CommonOptions, NetworkOptions {
  count: number;
  metadata?: Record<string, string>;
  env?: Record<string, string>;
  ttl?: number;
  persistent?: boolean;
  cloneVolumes?: boolean;
}

export function forkCommand(): Command {
  const command = newCommand({
    name: "fork",
    summary: "copy a running sandbox, memory and disk, and print the children's ids",
    example: "pandastack fork 4f9k2m7x1q8w3e5r6t0y -n 3",
  });
  return withForkOptions(command, 1).action(async (id: string, options: Options) => {
    const sandbox = await clientFor(options).sandboxes.get(id);
    print(await sandbox.fork(options.count, childOptions(options)), options);
  });
}

export function forkTreeCommand(): Command {
  const command = newCommand({
    name: "fork-tree",
    summary: "copy a running sandbox into siblings of which `promote` keeps one",
    example: "pandastack fork-tree 4f9k2m7x1q8w3e5r6t0y -n 3",
  });
  return withForkOptions(command, 2).action(async (id: string, options: Options) => {
    const sandbox = await clientFor(options).sandboxes.get(id);
    print(await sandbox.forkTree({ ...childOptions(options), count: options.count }), options);
  });
}

export function promoteCommand(): Command {
  return newCommand({
    name: "promote",
    summary: "keep this child of a fork tree",
    example: "pandastack promote 4f9k2m7x1q8w3e5r6t0y --cleanup-siblings",
  })
    .argument("<id>", "the child")
    .option("--cleanup-siblings", "remove the others")
    .option("--tree <id>", "the tree (default: the one that it is a child of)")
    .action(async (id: string, options: CommonOptions & { cleanupSiblings?: boolean; tree?: string }) => {
      const sandbox = await clientFor(options).sandboxes.get(id);
      const result = await sandbox.promote({ cleanupSiblings: options.cleanupSiblings, treeId: options.tree });
      if (options.json) return printJson(result);
      printLine(`kept ${result.winner}`);
      for (const each of result.deleted) printLine(`removed ${each}`);
      for (const [each, why] of Object.entries(result.failures)) printLine(`not removed ${each}: ${why}`);
    });
}

function withForkOptions(command: Command, count: number): Command {
  return withNetworkOptions(command)
    .argument("<id>", "sandbox")
    .option("-n, --count <number>", "children", wholeNumber(1, MOST_CHILDREN), count)
    .option("--ttl <seconds>", "remove them after this long without use (default: as the parent)", wholeNumber(0))
    .option("--persistent", "never remove them for being idle, whatever the parent is")
    .option("--clone-volumes", "each child gets a clone of every volume that it could write to (default: reads it)")
    .option("--metadata <key=value>", "repeatable", keyValues)
    .option("-e, --env <key=value>", "on top of the parent's; repeatable", keyValues);
}

function childOptions(options: Options): ForkOptions {
  const { metadata, env, ttl, persistent, cloneVolumes } = options;
  return {
    ...{ metadata, env, persistent },
    ttlSeconds: ttl,
    network: networkPolicy(options),
    egressMbps: egressLimit(options),
    volumes: cloneVolumes ? "clone" : undefined,
  };
}

function print(children: Sandbox[], options: CommonOptions): void {
  if (options.json) return printJson(children.map((child) => child.info));
  for (const child of children) printLine(child.id);
}
