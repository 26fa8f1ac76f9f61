import { strangersInCache } from "../strangers/cache.ts";
import { strangersOnHost } from "../strangers/host.ts";
import type { Place } from "../place.ts";
import { type Finding, gib, note, ok, unknown } from "./finding.ts";

const DAY_MS = 24 * 3_600_000;

/** What `pandastack host gc` would remove, but for stopped pools, which it has to mount. */
export async function examineLeftovers(
  { settings, runRoot }: Place,
  isRoot = process.getuid?.() === 0,
): Promise<Finding> {
  if (!isRoot) return unknown("leftovers", "not looked for", "Run as root.");
  const { dataDir, cacheDir } = settings;
  const found = [
    ...(await strangersOnHost(runRoot)),
    ...(await strangersInCache({ cacheDir, runRoot, dataDirs: [dataDir], minAgeMs: DAY_MS })),
  ];
  if (found.length === 0) return ok("leftovers", "nothing belongs to no one");
  const bytes = found.reduce((sum, stranger) => sum + stranger.bytes, 0);
  const kinds = Map.groupBy(found, ({ kind }) => kind);
  const says = [...kinds].map(([kind, all]) => `${all.length} × ${kind}`).join(", ");
  return note("leftovers", `${says}, ${gib(bytes)} in all, belong to no one`, "`pandastack host gc` removes them.");
}
