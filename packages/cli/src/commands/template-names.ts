import type { Command } from "commander";
import { clientFor, type CommonOptions, newCommand } from "../command.ts";
import { formatAge, formatSize, formatTable, printJson, printLine } from "../output.ts";

export const templateNameCommands = (): Command[] => [
  versionsCommand(),
  tagsCommand(),
  tagCommand(),
  untagCommand(),
  aliasCommand(),
  unaliasCommand(),
  publishCommand(),
  unpublishCommand(),
];

function versionsCommand(): Command {
  return newCommand({
    name: "versions",
    summary: "list what a template's builds have made, newest first",
    example: "pandastack template versions my-app",
  })
    .argument("<name>", "the template")
    .action(async (name: string, options: CommonOptions) => {
      const versions = await clientFor(options).templates.names.versions(name).toArray();
      if (options.json) return printJson(versions);
      const rows = versions.map((version) => [
        version.id,
        version.tags.join(", ") || "-",
        formatSize(version.size_bytes),
        formatAge(version.created_at),
      ]);
      printLine(formatTable(["VERSION", "TAGS", "SIZE", "AGE"], rows));
    });
}

function tagsCommand(): Command {
  return newCommand({ name: "tags", summary: "list a template's tags", example: "pandastack template tags my-app" })
    .argument("<name>", "the template")
    .action(async (name: string, options: CommonOptions) => {
      const tags = await clientFor(options).templates.names.tags(name).toArray();
      if (options.json) return printJson(tags);
      const rows = tags.map(({ tag, version, updated_at }) => [tag, version, formatAge(updated_at)]);
      printLine(formatTable(["TAG", "VERSION", "AGE"], rows));
    });
}

function tagCommand(): Command {
  return newCommand({
    name: "tag",
    summary: "give a version of a template a tag, or move the tag to it",
    example: "pandastack template tag my-app stable --from v2",
  })
    .argument("<name>", "the template")
    .argument("<tag>", "what my-app:<tag> is to be")
    .option("--from <tag>", "a tag or a version (default: what the name alone stands for)")
    .action(async (name: string, tag: string, options: CommonOptions & { from?: string }) => {
      const from = options.from === undefined ? {} : { from: options.from };
      const made = await clientFor(options).templates.names.tag(name, tag, from);
      if (options.json) printJson(made);
      else printLine(`${name}:${made.tag} is ${made.version}`);
    });
}

function untagCommand(): Command {
  return newCommand({
    name: "untag",
    summary: "take a tag away; a template whose last one this was goes",
    example: "pandastack template untag my-app v1",
  })
    .argument("<name>", "the template")
    .argument("<tag>", "the tag")
    .action(async (name: string, tag: string, options: CommonOptions) => {
      await clientFor(options).templates.names.untag(name, tag);
      if (options.json) printJson({ name, tag, deleted: true });
    });
}

function aliasCommand(): Command {
  return newCommand({
    name: "alias",
    summary: "give a template another name in this workspace",
    example: "pandastack template alias team/tools tools",
  })
    .argument("<name>", "the template: your own, everyone's, or a published one")
    .argument("<alias>", "its other name")
    .action(async (name: string, alias: string, options: CommonOptions) => {
      const template = await clientFor(options).templates.names.alias(name, alias);
      if (options.json) printJson(template);
    });
}

function unaliasCommand(): Command {
  return newCommand({
    name: "unalias",
    summary: "take another name away",
    example: "pandastack template unalias team/tools tools",
  })
    .argument("<name>", "the template")
    .argument("<alias>", "its other name")
    .action(async (name: string, alias: string, options: CommonOptions) => {
      await clientFor(options).templates.names.unalias(name, alias);
      if (options.json) printJson({ name, alias, deleted: true });
    });
}

function publishCommand(): Command {
  return newCommand({
    name: "publish",
    summary: "let every workspace use a template of your own (admin)",
    example: "pandastack template publish my-app",
  })
    .argument("<name>", "the template")
    .action(async (name: string, options: CommonOptions) => {
      const { templates } = clientFor(options);
      const template = await templates.names.publish(name);
      if (options.json) printJson(template);
      else printLine(`others can use it: pandastack create --template ${template.workspace}/${template.name}`);
    });
}

function unpublishCommand(): Command {
  return newCommand({
    name: "unpublish",
    summary: "keep a template to your own workspace again (admin)",
    example: "pandastack template unpublish my-app",
  })
    .argument("<name>", "the template")
    .action(async (name: string, options: CommonOptions) => {
      const template = await clientFor(options).templates.names.unpublish(name);
      if (options.json) printJson(template);
    });
}
