import type { Command } from "commander";
import { clientFor, type CommonOptions, newCommand, newGroup } from "../command.ts";
import { templateBakeCommand } from "./template-bake.ts";
import { templateBuildCommand, templateBuildLogsCommand } from "./template-build.ts";
import { templateNameCommands } from "./template-names.ts";
import { formatAge, formatFields, formatTable, printJson, printLine } from "../output.ts";

export function templateGroup(): Command {
  return newGroup("template", "what sandboxes can start from", [
    listCommand(),
    getCommand(),
    templateBuildCommand(),
    templateBakeCommand(),
    templateBuildLogsCommand(),
    buildsCommand(),
    deleteCommand(),
    ...templateNameCommands(),
  ]);
}

function listCommand(): Command {
  return newCommand({ name: "list", summary: "list templates", example: "pandastack template list" })
    .alias("ls")
    .option("--published", "those that other workspaces let you use, too")
    .action(async (options: CommonOptions & { published?: boolean }) => {
      const { published } = options;
      const templates = await clientFor(options).templates.list({ published }).toArray();
      if (options.json) return printJson(templates);
      const rows = templates.map((template) => [
        template.name,
        String(template.cpu),
        `${template.memory_mb} MB`,
        template.status,
        template.aliases.join(", ") || "-",
      ]);
      printLine(formatTable(["NAME", "CPU", "MEMORY", "STATUS", "ALIASES"], rows));
    });
}

function getCommand(): Command {
  return newCommand({ name: "get", summary: "show one template", example: "pandastack template get base" })
    .argument("<name>", "its name or an alias; name:tag, name@version, workspace/name")
    .action(async (name: string, options: CommonOptions) => {
      const template = await clientFor(options).templates.get(name);
      if (options.json) printJson(template);
      else printLine(formatFields(template));
    });
}

function buildsCommand(): Command {
  return newCommand({
    name: "builds",
    summary: "list builds, newest first, or show one",
    example: "pandastack template builds",
  })
    .argument("[build]", "only this one: its id")
    .action(async (id: string | undefined, options: CommonOptions) => {
      const { templates } = clientFor(options);
      if (id !== undefined) {
        const { info } = await templates.getBuild(id);
        return options.json ? printJson(info) : printLine(formatFields(info));
      }
      const builds = await templates.builds().toArray();
      if (options.json) return printJson(builds);
      const rows = builds.map((build) => [
        build.id,
        build.name,
        build.status,
        `${build.step ?? 0}/${build.steps}`,
        formatAge(build.started_at),
      ]);
      printLine(formatTable(["ID", "TEMPLATE", "STATUS", "STEP", "AGE"], rows));
    });
}

function deleteCommand(): Command {
  return newCommand({
    name: "delete",
    summary: "delete templates of your own; sandboxes made from them live on",
    example: "pandastack template delete my-app",
  })
    .alias("rm")
    .argument("<name...>", "names; with :tag or @version only that")
    .action(async (names: string[], options: CommonOptions) => {
      const { templates } = clientFor(options);
      for (const name of names) await templates.delete(name);
      if (options.json) printJson(names.map((name) => ({ name, deleted: true })));
    });
}
