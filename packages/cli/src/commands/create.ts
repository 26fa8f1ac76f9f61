import type { OnIdle, VolumeMount } from "@pandastack/sdk";
import { type Command, InvalidArgumentError, Option } from "commander";
import { clientFor, type CommonOptions, keyValues, newCommand, wholeNumber } from "../command.ts";
import { networkPolicy, type NetworkOptions, withNetworkOptions } from "../network-options.ts";
import { printJson, printLine } from "../output.ts";
import { tellTemplateBuild } from "../template-progress.ts";

interface Options extends CommonOptions, NetworkOptions {
  template?: string;
  snapshot?: string;
  runtime?: string;
  cpu?: number;
  memoryMb?: number;
  ttl?: number;
  persistent?: boolean;
  onIdle?: OnIdle;
  idleTimeout?: number;
  metadata?: Record<string, string>;
  env?: Record<string, string>;
  volume?: VolumeMount[];
}

export function createCommand(): Command {
  const command = newCommand({
    name: "create",
    summary: "create a sandbox and print its id",
    example: "pandastack create --ttl 600 --metadata task=build",
  });
  return withNetworkOptions(command)
    .option("-t, --template <name>", "what it starts from (default: the server's, base)")
    .option("--snapshot <id>", "start from a snapshot instead")
    .option("--runtime <name>", "auto, microvm or gvisor")
    .option("--cpu <number>", "more processors than the template's", wholeNumber(1, 64))
    .option("--memory-mb <number>", "more memory than the template's", wholeNumber(128, 65_536))
    .option("--ttl <seconds>", "remove it after this long without use; 0: never", wholeNumber(0))
    .option("--persistent", "never remove it for being idle")
    .addOption(new Option("--on-idle <what>", "once it is idle, its network too").choices(["hibernate", "kill"]))
    .option("--idle-timeout <seconds>", "after how long (default: 300)", wholeNumber(1))
    .option("--metadata <key=value>", "repeatable", keyValues)
    .option("-e, --env <key=value>", "environment of every command; repeatable", keyValues)
    .option("--volume <name[:path][:ro]>", "mount a volume, at /mnt/<name> unless said; repeatable", volumeMounts)
    .action(async (options: Options) => {
      const sandbox = await clientFor(options).sandboxes.create({
        template: options.template,
        fromSnapshot: options.snapshot,
        runtime: options.runtime,
        cpu: options.cpu,
        memoryMb: options.memoryMb,
        ttlSeconds: options.ttl,
        persistent: options.persistent,
        onIdle: options.onIdle,
        idleTimeoutSeconds: options.idleTimeout,
        metadata: options.metadata,
        env: options.env,
        network: networkPolicy(options),
        egressMbps: options.egressMbps || undefined,
        volumes: options.volume,
        onTemplateBuild: tellTemplateBuild,
      });
      if (options.json) printJson(sandbox.info);
      else printLine(sandbox.id);
    });
}

/** `data`, `data:ro`, `data:/srv/data`, `data:/srv/data:ro` */
function volumeMounts(text: string, previous: VolumeMount[] = []): VolumeMount[] {
  const match = /^([^:]+)(?::(\/[^:]*))?(:ro)?$/.exec(text);
  if (match === null) throw new InvalidArgumentError(`"${text}" is not of the form name[:path][:ro].`);
  return [...previous, { name: match[1]!, path: match[2], readOnly: match[3] === undefined ? undefined : true }];
}
