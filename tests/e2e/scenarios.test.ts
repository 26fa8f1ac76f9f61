import { runScenario } from "../scenarios/run-scenario.ts";
import { scenarios } from "../scenarios/scenarios.ts";
import { panda, server } from "./support/api.ts";
import { itWhen } from "./support/not-run.ts";

/** What every client does, with the TypeScript one; `python.test.ts` has the Python ones do the same. */
for (const scenario of scenarios) {
  const runs = itWhen(scenario.needs === undefined || !server.isFake, "the fake guest has no programs of its own");
  runs(scenario.name, () => runScenario(panda, scenario));
}
