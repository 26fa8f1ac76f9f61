import type { Command } from "commander";
import { clientFor, type CommonOptions, newCommand } from "../command.ts";
import { egressLimit, networkPolicy, type NetworkOptions, withNetworkOptions } from "../network-options.ts";
import { formatFields, formatTable, printJson, printLine } from "../output.ts";

interface Options extends CommonOptions, NetworkOptions {}

export function networkCommand(): Command {
  const command = newCommand({
    name: "network",
    summary: "show what a sandbox may reach and what was refused, or change it",
    example: "pandastack network 4f9k2m7x1q8w3e5r6t0y --allow '*.example.com'",
  });
  return withNetworkOptions(command)
    .argument("<id>", "sandbox")
    .action(async (id: string, options: Options) => {
      const sandbox = await clientFor(options).sandboxes.get(id);
      const policy = networkPolicy(options);
      const egressMbps = egressLimit(options);
      if (policy !== undefined || egressMbps !== undefined) await sandbox.updateNetwork({ ...policy, egressMbps });
      const info = await sandbox.network();
      if (options.json) return printJson(info);
      const { egress } = info.network;
      printLine(
        formatFields({
          egress: typeof egress === "string" ? egress : JSON.stringify(egress),
          egress_mbps: info.egress_mbps ?? "no limit",
          ...info.counters,
        }),
      );
      if (info.refused.length === 0) return;
      const rows = info.refused.map(({ destination, protocol, port, reason, count, last_at: lastAt }) => [
        destination,
        port === null ? protocol : `${protocol}/${port}`,
        reason,
        String(count),
        lastAt,
      ]);
      printLine(formatTable(["REFUSED", "PORT", "BY", "COUNT", "LAST"], rows));
    });
}
