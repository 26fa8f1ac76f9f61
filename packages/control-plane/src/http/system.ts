import { readFileSync } from "node:fs";
import { Readable } from "node:stream";
import { sql } from "kysely";
import { openApiDocument } from "@pandastack/contracts/openapi";
import { withTimeout } from "@pandastack/platform";
import type { Handlers } from "../calls/call.ts";
import type { HostWatch } from "../hosts/watch.ts";
import type { Database } from "../persistence/database.ts";
import type { ServerMetrics } from "./metrics.ts";

// Read while this module loads: later the process may not be allowed to look into its own source tree.
const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  version: string;
};
export const openApi = openApiDocument(version);

const DATABASE_CHECK_TIMEOUT_MS = 2000;

type Operations = "getHealth" | "getReadiness" | "getVersion" | "getServerMetrics" | "getOpenApi" | "getOpenApiV1";

export function systemHandlers(parts: {
  db: Database;
  watch: HostWatch;
  metrics: ServerMetrics;
  isStarted: () => boolean;
  isSynced: () => boolean;
}): Pick<Handlers, Operations> {
  const { db, watch, metrics } = parts;

  /** What is missing for a create to work, and why. */
  const findDegraded = async (): Promise<Record<string, string>> => {
    const reasons: Record<string, string> = {};
    const [database, host] = await Promise.allSettled([
      withTimeout(sql`select 1`.execute(db), DATABASE_CHECK_TIMEOUT_MS, "the database does not answer"),
      watch.refresh(),
    ]);
    if (database.status === "rejected") reasons["database"] = "the database does not answer";
    else if (!parts.isStarted()) reasons["database"] = "the schema is being brought up to date";
    if (host.status === "rejected") reasons["compute"] = "the host agent does not answer";
    else if (!host.value.ready) reasons["compute"] = host.value.notReadyReason ?? "the host agent is not ready";
    // With the database away nothing can be compared, and that has been said.
    else if (reasons["database"] === undefined && !parts.isSynced())
      reasons["compute"] = "the host's sandboxes are being compared with the records";
    return reasons;
  };

  return {
    getHealth: async () => ({
      status: 200,
      body: {
        status: "ok",
        checks: {
          database: parts.isStarted() ? "ok" : "starting",
          compute: watch.current === undefined ? "away" : watch.current.ready ? "ok" : "starting",
        },
      },
    }),
    getReadiness: async () => {
      const reasons = await findDegraded();
      const degraded = Object.keys(reasons);
      return degraded.length === 0
        ? { status: 200, body: { status: "ok" } }
        : { status: 503, body: { status: "degraded", degraded, reasons } };
    },
    getVersion: async () => ({
      status: 200,
      body: {
        service: "pandastack",
        semver: version,
        commit: process.env["PANDASTACK_COMMIT"] ?? "unknown",
        build_time: process.env["PANDASTACK_BUILD_TIME"] ?? "unknown",
        node: process.versions.node,
        os: process.platform,
        arch: process.arch,
      },
    }),
    getServerMetrics: async () => ({
      status: 200,
      mediaType: "text/plain; version=0.0.4; charset=utf-8",
      stream: Readable.from([await metrics.registry.metrics()], { objectMode: false }),
    }),
    getOpenApi: async () => ({ status: 200, body: openApi }),
    getOpenApiV1: async () => ({ status: 200, body: openApi }),
  };
}
