import { afterAll, beforeAll, test } from "vitest";
import { runScenario } from "../../../tests/scenarios/run-scenario.ts";
import { scenarios } from "../../../tests/scenarios/scenarios.ts";
import { startFakeServer, type FakeServer } from "./support/fake-server.ts";

/** What every client does, on sandboxes that are made up; `tests/e2e` does the same on real ones. */
let server: FakeServer;
beforeAll(async () => {
  server = await startFakeServer();
});
afterAll(() => server.stop());

for (const scenario of scenarios)
  test.skipIf(scenario.needs === "programs")(scenario.name, () => runScenario(server.panda, scenario));
