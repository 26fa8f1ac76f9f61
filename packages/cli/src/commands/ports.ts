import type { PortInfo, Ports } from "@pandastack/sdk";
import type { Command } from "commander";
import { clientFor, type CommonOptions, newCommand, newGroup, wholeNumber } from "../command.ts";
import { formatTable, printJson, printLine } from "../output.ts";

const LAST_PORT = 65_535;
const port = wholeNumber(1, LAST_PORT);
const ID = "4f9k2m7x1q8w3e5r6t0y";

/** `ports <id>` alone lists them. */
export function portsGroup(): Command {
  const group = newGroup("ports", "servers in a sandbox: list them, label them, open them to anyone", [
    addCommand(),
    removeCommand(),
  ]);
  return group.alias("port").addCommand(listCommand(), { isDefault: true });
}

async function portsOf(id: string, options: CommonOptions): Promise<Ports> {
  return (await clientFor(options).sandboxes.get(id)).ports;
}

function listCommand(): Command {
  return newCommand({
    name: "list",
    summary: "list what listens in a sandbox; `ports <id>` does it, too",
    example: `pandastack ports list ${ID}`,
  })
    .alias("ls")
    .argument("<id>", "sandbox")
    .action(async (id: string, options: CommonOptions) => {
      const ports = await (await portsOf(id, options)).list().toArray();
      if (options.json) printJson(ports);
      else printLine(toTable(ports));
    });
}

function addCommand(): Command {
  return newCommand({
    name: "add",
    summary: "give a port a label, or open it to anyone who knows its address",
    example: `pandastack ports add ${ID} 3000 --label web --public`,
  })
    .argument("<id>", "sandbox")
    .argument("<port>", "its number", port)
    .option("--label <text>", "what it is (default: service)")
    .option("--public", "answer anyone at its own address; without it: nobody but who has a token or a link")
    .action(async (id: string, number: number, options: CommonOptions & { label?: string; public?: boolean }) => {
      const { label, public: isPublic } = options;
      const how = { ...(label !== undefined && { label }), ...(isPublic !== undefined && { public: isPublic }) };
      const info = await (await portsOf(id, options)).add(number, how);
      if (options.json) printJson(info);
      else printLine(toTable([info]));
    });
}

function removeCommand(): Command {
  return newCommand({
    name: "remove",
    summary: "take labels away and make ports private again; what listens there goes on",
    example: `pandastack ports remove ${ID} 3000`,
  })
    .alias("rm")
    .argument("<id>", "sandbox")
    .argument("<port...>", "numbers", portNumbers)
    .action(async (id: string, numbers: number[], options: CommonOptions) => {
      const ports = await portsOf(id, options);
      for (const number of numbers) await ports.remove(number);
      if (options.json) printJson(numbers.map((number) => ({ port: number, removed: true })));
    });
}

/** Collects them. */
function portNumbers(text: string, previous: number[] = []): number[] {
  return [...previous, port(text)];
}

function toTable(ports: readonly PortInfo[]): string {
  const rows = ports.map((each) => [
    String(each.port),
    each.listening ? "listening" : "-",
    each.process ?? "-",
    each.label ?? "-",
    each.public ? "anyone" : "private",
    each.preview_url,
  ]);
  return formatTable(["PORT", "STATUS", "PROCESS", "LABEL", "OPEN TO", "ADDRESS"], rows);
}
