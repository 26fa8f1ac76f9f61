import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import type { TestProject } from "vitest/node";
import { Collector } from "../../../packages/control-plane/tests/support/collector.ts";
import { freePort } from "../../../packages/platform/tests/support/free-port.ts";
import { leftoversOf } from "./leftovers.ts";
import { removeData, startServer } from "./start-server.ts";

declare module "vitest" {
  interface ProvidedContext {
    server: {
      url: string;
      token: string;
      isFake: boolean;
      dataDir: string | null;
      registry: string | null;
      /** Where tests may serve images from: host and port; null where the server is not ours. */
      imageRegistry: string | null;
      /** Tells the spans that the server has sent. */
      collector: string | null;
    };
  }
}

/** One server for all files: the one that PANDASTACK_E2E_URL names, else one of our own that must leave nothing behind. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const registry = await reachableRegistry();
  const url = process.env["PANDASTACK_E2E_URL"];
  if (url !== undefined) {
    const token = process.env["PANDASTACK_E2E_KEY"] ?? process.env["PANDASTACK_API_KEY"] ?? "";
    project.provide("server", {
      url,
      token,
      isFake: isFake(),
      dataDir: process.env["PANDASTACK_E2E_DATA_DIR"] ?? null,
      registry,
      imageRegistry: null,
      collector: null,
    });
    return async () => undefined;
  }
  const collector = await new Collector().start();
  const runtime = project.config.env?.["PANDASTACK_RUNTIME"];
  const imageRegistry = `127.0.0.1:${await freePort()}`;
  const server = await startServer({
    env: {
      PANDASTACK_PRIVATE_REGISTRIES: `http://${imageRegistry}`,
      PANDASTACK_DEFAULT_REGISTRY: imageRegistry,
      ...(runtime && { PANDASTACK_RUNTIME: runtime }),
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_BSP_SCHEDULE_DELAY: "100",
    },
  });
  project.provide("server", {
    url: server.url,
    token: server.token,
    isFake: isFake(),
    dataDir: server.dataDir,
    registry,
    imageRegistry,
    collector: collector.url,
  });
  return async () => {
    await server.stop();
    collector.close();
    const left = leftoversOf(server.dataDir);
    if (left.length > 0) throw new Error(`the server left behind:\n${left.join("\n")}`);
    if (existsSync(server.dataDir)) removeData(server.dataDir);
  };
}

function isFake(): boolean {
  return process.env["PANDASTACK_RUNTIME"] === "fake";
}

/** The npm registry that this host is configured for, where it answers; null where there is no network. */
async function reachableRegistry(): Promise<string | null> {
  const { status, stdout } = spawnSync("npm", ["config", "get", "registry"], { encoding: "utf8" });
  const registry = stdout?.trim();
  if (status !== 0 || !URL.canParse(registry)) return null;
  const response = await fetch(registry, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined);
  return response === undefined ? null : registry;
}
