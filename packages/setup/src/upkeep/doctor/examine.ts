import { findPlace, type Place } from "../place.ts";
import { type Finding, unknown } from "./finding.ts";
import { examineCgroups, examineNetwork, lookAtNetwork } from "./kernel.ts";
import { examineLeftovers } from "./leftovers.ts";
import { examineGvisor, examineKvm, examineMemory, examinePrograms, examineSystem, lookAtKvm } from "./machine.ts";
import { examinePort } from "./port.ts";
import { examineServer, lookAtServer } from "./server.ts";
import { examineCache, examinePool, lookAtPool } from "./storage.ts";

/** Everything that can be told of this machine without asking a server. A check that itself fails says so and stops no other. */
export async function examineHost(place: Place = findPlace()): Promise<readonly Finding[]> {
  const { dataDir, cacheDir } = place.settings;
  const isRoot = process.getuid?.() === 0;
  if (process.platform !== "linux") return [examineSystem()];
  const server = lookAtServer(place);
  const ownDatabase = place.databaseUrl === undefined;
  const checks: readonly [id: string, check: () => Finding | Promise<Finding>][] = [
    ["system", () => examineSystem()],
    ["programs", () => examinePrograms()],
    ["kvm", () => examineKvm(lookAtKvm(cacheDir))],
    ["gvisor", () => examineGvisor(cacheDir)],
    ["memory", () => examineMemory()],
    ["cgroups", () => examineCgroups()],
    ["network", async () => examineNetwork(await lookAtNetwork())],
    ["pool", async () => examinePool(await lookAtPool(dataDir))],
    ["cache", () => examineCache(cacheDir)],
    ["processes", () => examineServer(place, server, { isRoot, ownDatabase })],
    [
      "port",
      () => examinePort(place.listen, ({ pid }) => pid !== undefined && pid === server?.running["control-plane"]),
    ],
    ["leftovers", () => examineLeftovers(place)],
  ];
  const findings: Finding[] = [];
  for (const [id, check] of checks) {
    try {
      findings.push(await check());
    } catch (error) {
      findings.push(
        unknown(
          id,
          `could not be looked at: ${error instanceof Error ? error.message : String(error)}`,
          isRoot ? "See above." : "Run as root.",
        ),
      );
    }
  }
  return findings;
}
