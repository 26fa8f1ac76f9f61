import type { Code } from "@pandastack/sdk";
import type { Command } from "commander";
import { clientFor, type CommonOptions, keyValues, newCommand, newGroup } from "../command.ts";
import { formatAge, formatTable, printJson, printLine } from "../output.ts";

const ID = "4f9k2m7x1q8w3e5r6t0y";
const CONTEXT = "c_5e1f08a2";

/** What `code --context` runs in. */
export function contextGroup(): Command {
  return newGroup("context", "kernels that code keeps its variables in", [
    createCommand(),
    listCommand(),
    changeCommand("restart", "give contexts new kernels, without variables; what runs in them ends"),
    changeCommand("interrupt", "interrupt what runs in contexts, as Ctrl-C would"),
    changeCommand("delete", "end contexts and free their memory").alias("rm"),
    languagesCommand(),
  ]);
}

const codeOf = async (id: string, options: CommonOptions): Promise<Code> =>
  (await clientFor(options).sandboxes.get(id)).code;

function createCommand(): Command {
  return newCommand({
    name: "create",
    summary: "make a context and print its id",
    example: `pandastack context create ${ID} --language javascript --cwd /tmp`,
  })
    .argument("<id>", "sandbox")
    .option("-l, --language <name>", "python (default), javascript, typescript, bash")
    .option("--cwd <folder>", "where its code runs")
    .option("-u, --user <name>", "as whom (default root)")
    .option("-e, --env <key=value>", "of all of its code; repeatable", keyValues)
    .action(
      async (
        id: string,
        options: CommonOptions & { language?: string; cwd?: string; user?: string; env?: Record<string, string> },
      ) => {
        const { language, cwd, user, env } = options;
        const context = await (await codeOf(id, options)).createContext({ language, cwd, user, env });
        if (options.json) printJson(context.info);
        else printLine(context.id);
      },
    );
}

function listCommand(): Command {
  return newCommand({
    name: "list",
    summary: "list contexts, oldest first; default ones once they were used",
    example: `pandastack context list ${ID}`,
  })
    .alias("ls")
    .argument("<id>", "sandbox")
    .action(async (id: string, options: CommonOptions) => {
      const contexts = await (await codeOf(id, options)).listContexts().toArray();
      const infos = contexts.map(({ info }) => info);
      if (options.json) return printJson(infos);
      const rows = infos.map((info) => [
        info.id,
        info.language,
        info.busy ? "busy" : "free",
        String(info.executions),
        info.user,
        info.cwd,
        formatAge(info.created_at),
      ]);
      printLine(formatTable(["ID", "LANGUAGE", "STATUS", "CELLS", "USER", "FOLDER", "AGE"], rows));
    });
}

type Verb = "restart" | "interrupt" | "delete";

function changeCommand(verb: Verb, summary: string): Command {
  return newCommand({ name: verb, summary, example: `pandastack context ${verb} ${ID} ${CONTEXT}` })
    .argument("<id>", "sandbox")
    .argument("<context...>", "as `context list` shows them")
    .action(async (id: string, contexts: string[], options: CommonOptions) => {
      const panda = clientFor(options);
      for (const context of contexts) {
        const path = `/sandboxes/${encodeURIComponent(id)}/code/contexts/${encodeURIComponent(context)}`;
        if (verb === "delete") await panda.request("DELETE", path);
        else await panda.request("POST", `${path}/${verb}`);
      }
      if (options.json) printJson(contexts.map((context) => ({ id: context, done: verb })));
    });
}

function languagesCommand(): Command {
  return newCommand({
    name: "languages",
    summary: "list languages that the server knows kernels for; a template need not have them all",
    example: "pandastack context languages",
  }).action(async (options: CommonOptions) => {
    const answer = await clientFor(options).request<{ languages: string[] }>("GET", "/repl/languages");
    if (options.json) printJson(answer.languages);
    else printLine(answer.languages.join("\n"));
  });
}
