import type { Role } from "@pandastack/sdk";
import { type Command, Option } from "commander";
import { clientFor, type CommonOptions, newCommand, newGroup, wholeNumber } from "../command.ts";
import { formatAge, formatFields, formatTable, printJson, printLine } from "../output.ts";

export function tokenGroup(): Command {
  return newGroup("token", "tokens of the own workspace", [
    createCommand(),
    listCommand(),
    revokeCommand(),
    whoamiCommand(),
  ]);
}

function createCommand(): Command {
  return newCommand({
    name: "create",
    summary: "make a token and print it, this once",
    example: "pandastack token create --label ci --role member --expires-in-days 90",
  })
    .option("--label <text>", "what it is for")
    .addOption(new Option("--role <role>", "what it may do").choices(["read", "member", "admin"]).default("member"))
    .option("--expires-in-days <number>", "default: never", wholeNumber(1, 3650))
    .action(async (options: CommonOptions & { label?: string; role: Role; expiresInDays?: number }) => {
      const { label, role, expiresInDays } = options;
      const created = await clientFor(options).tokens.create({ label, role, expiresInDays });
      if (options.json) printJson(created);
      else printLine(created.token);
    });
}

function listCommand(): Command {
  return newCommand({ name: "list", summary: "list tokens", example: "pandastack token list" })
    .alias("ls")
    .action(async (options: CommonOptions) => {
      const tokens = await clientFor(options).tokens.list().toArray();
      if (options.json) return printJson(tokens);
      const rows = tokens.map((token) => [
        token.prefix,
        token.role,
        token.label ?? "-",
        formatAge(token.created_at),
        token.expires_at ?? "never",
      ]);
      printLine(formatTable(["PREFIX", "ROLE", "LABEL", "AGE", "EXPIRES"], rows));
    });
}

function revokeCommand(): Command {
  return newCommand({
    name: "revoke",
    summary: "revoke tokens; it acts at once",
    example: "pandastack token revoke pds_1a2b3c4d",
  })
    .argument("<prefix...>", "as `token list` shows them")
    .action(async (prefixes: string[], options: CommonOptions) => {
      const { tokens } = clientFor(options);
      for (const prefix of prefixes) await tokens.revoke(prefix);
      if (options.json) printJson(prefixes.map((prefix) => ({ prefix, revoked: true })));
    });
}

function whoamiCommand(): Command {
  return newCommand({
    name: "whoami",
    summary: "show who the present token is",
    example: "pandastack token whoami",
  }).action(async (options: CommonOptions) => {
    const me = await clientFor(options).tokens.me();
    if (options.json) printJson(me);
    else printLine(formatFields({ workspace: me.workspace, role: me.role, token_prefix: me.token_prefix }));
  });
}
