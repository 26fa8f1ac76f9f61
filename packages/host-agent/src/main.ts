import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createLogger, startTracing } from "@pandastack/platform";
import { hostLayout } from "./files/layout.ts";
import { buildServer, listenOnSocket } from "./http/server.ts";
import { assembleFakeHost } from "./assemble-fake.ts";
import { assembleHost } from "./assemble.ts";

const required = (name: string): string => {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set; the host agent is started by the supervisor (npm start)`);
  return value;
};

const log = createLogger("host-agent");
const stopTracing = await startTracing("pandastack-host-agent", log);
const layout = hostLayout({
  dataDir: required("PANDASTACK_DATA_DIR"),
  runDir: required("PANDASTACK_RUN_DIR"),
  cacheDir: required("PANDASTACK_CACHE_DIR"),
});
mkdirSync(join(layout.runDir, "m"), { recursive: true, mode: 0o711 });

const { host, close, leave } =
  process.env["PANDASTACK_RUNTIME"] === "fake" ? await assembleFakeHost({ layout, log }) : await assemble();
if (process.env["PANDASTACK_PUT_AWAY"] === "1") {
  log.info("the host agent before this one was killed and the server stops: running sandboxes are hibernated");
  await close();
  await stopTracing();
  log.info("stopped");
  process.exit(0);
}
const app = await buildServer(host, log);
await listenOnSocket(app, required("PANDASTACK_HOST_SOCKET"), Number(process.env["PANDASTACK_CONTROL_GID"] ?? 0));
log.info("host agent listens");

function assemble(): ReturnType<typeof assembleHost> {
  const artifactsFile = join(layout.dataDir, "artifacts.json");
  if (!existsSync(artifactsFile)) throw new Error(`${artifactsFile} is missing; run the set-up (npm start)`);
  const artifacts = JSON.parse(readFileSync(artifactsFile, "utf8"));
  return assembleHost({ layout, serverId: required("PANDASTACK_SERVER_ID"), artifacts, log });
}

let isStopping = false;
const stop = (signal: string) => {
  if (isStopping) return;
  isStopping = true;
  // If nothing were left to wait for before the end of it: whoever started this looks for what was not put away.
  process.exitCode = 1;
  const isReplaced = signal === "SIGHUP";
  log.info(
    { signal },
    isReplaced ? "making room for the next host agent" : "stopping: running sandboxes are hibernated",
  );
  void (async () => {
    await app.close();
    await (isReplaced ? leave() : close());
    await stopTracing();
    log.info("stopped");
    process.exit(0);
  })();
};
process.on("SIGTERM", stop);
process.on("SIGINT", stop);
process.on("SIGHUP", stop);
