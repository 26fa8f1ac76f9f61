import type { Role, Tokens } from "@pandastack/sdk";
import { type Command, Option } from "commander";
import { clientFor, type CommonOptions, newCommand, newGroup, wholeNumber } from "../command.ts";
import { formatAge, formatFields, formatTable, printJson, printLine } from "../output.ts";

export function tokenGroup(): Command {
  return newGroup("token", "tokens of a workspace", [createCommand(), listCommand(), revokeCommand(), whoamiCommand()]);
}

/** The own workspace's, or another's for admins. */
function tokensOf(options: CommonOptions & { workspace?: string }): Tokens {
  const panda = clientFor(options);
  return options.workspace === undefined ? panda.tokens : panda.workspaces.tokens(options.workspace);
}
const WORKSPACE = ["--workspace <slug>", "of another workspace"] as const;

function createCommand(): Command {
  return newCommand({
    name: "create",
    summary: "make a token and print it, this once",
    example: "pandastack token create --label ci --role member --expires-in-days 90",
  })
    .option(...WORKSPACE)
    .option("--label <text>", "what it is for")
    .addOption(new Option("--role <role>", "what it may do").choices(["read", "member", "admin"]).default("member"))
    .option("--expires-in-days <number>", "default: never", wholeNumber(1, 3650))
    .action(
      async (options: CommonOptions & { workspace?: string; label?: string; role: Role; expiresInDays?: number }) => {
        const { label, role, expiresInDays } = options;
        const created = await tokensOf(options).create({ label, role, expiresInDays });
        if (options.json) printJson(created);
        else printLine(created.token);
      },
    );
}

function listCommand(): Command {
  return newCommand({ name: "list", summary: "list tokens", example: "pandastack token list" })
    .alias("ls")
    .option(...WORKSPACE)
    .action(async (options: CommonOptions & { workspace?: string }) => {
      const tokens = await tokensOf(options).list().toArray();
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
    .option(...WORKSPACE)
    .action(async (prefixes: string[], options: CommonOptions & { workspace?: string }) => {
      const tokens = tokensOf(options);
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
