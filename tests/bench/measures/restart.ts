import { type RunningServer, startServer } from "../../e2e/support/start-server.ts";
import type { Row } from "../stats.ts";

/** `npm start` with everything set up: stopped and started again. Answers with the server that runs now, too. */
export async function measureRestart(server: RunningServer): Promise<{ row: Row; server: RunningServer }> {
  await server.stop();
  const started = performance.now();
  const again = await startServer({ dataDir: server.dataDir, port: server.port });
  const samples = [performance.now() - started];
  return {
    row: { name: "npm start again, until ready", unit: "ms", target: { atMost: 8_000 }, samples },
    server: again,
  };
}
