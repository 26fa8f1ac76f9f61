import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isRunning, readRecord } from "../../supervisor/process-record.ts";
import type { Place } from "../place.ts";
import { type Finding, note, ok, problem, unknown } from "./finding.ts";

const PARTS = ["postgres", "host-agent", "control-plane"] as const;

export interface ServerFacts {
  readonly id: string;
  /** Pids of the parts that run. */
  readonly running: Readonly<Partial<Record<(typeof PARTS)[number], number>>>;
}

/** Undefined where the data folder has had no server, or is not ours to read. */
export function lookAtServer({ settings, runRoot }: Place): ServerFacts | undefined {
  let id: string;
  try {
    ({ id } = JSON.parse(readFileSync(join(settings.dataDir, "server.json"), "utf8")) as { id: string });
  } catch {
    return undefined;
  }
  const running = PARTS.flatMap((part) => {
    const record = readRecord(join(runRoot, id, `${part}.json`));
    return record !== undefined && isRunning(record) ? [[part, record.pid] as const] : [];
  });
  return { id, running: Object.fromEntries(running) };
}

export function examineServer(
  { settings }: Pick<Place, "settings">,
  facts: ServerFacts | undefined,
  options: { isRoot: boolean; ownDatabase: boolean },
): Finding {
  const { dataDir } = settings;
  if (!options.isRoot) return unknown("processes", "not looked at", "Run as root.");
  if (facts === undefined) return note("processes", `${dataDir} has had no server yet`, "`npm start`");
  const wanted = PARTS.filter((part) => part !== "postgres" || options.ownDatabase);
  const missing = wanted.filter((part) => facts.running[part] === undefined);
  if (missing.length === wanted.length) return note("processes", `no server runs on ${dataDir}`, "`npm start`");
  const says = `server ${facts.id} on ${dataDir}: ${Object.entries(facts.running)
    .map(([part, pid]) => `${part} ${pid}`)
    .join(", ")}`;
  if (missing.length === 0) return ok("processes", says);
  return problem(
    "processes",
    `${says}; not running: ${missing.join(", ")}`,
    `The supervisor starts them again; where it does not, look at the end of ${join(dataDir, "logs")}/${missing[0]}.log`,
  );
}
