import { runScenario } from "../scenarios/run-scenario.ts";
import { scenarios } from "../scenarios/scenarios.ts";
import { panda, server } from "./support/api.ts";
import { itWhen } from "./support/not-run.ts";

/** What every client does, with the TypeScript one; `python.test.ts` has the Python ones do the same. */
for (const scenario of scenarios) {
  const isQuick = scenario.needs !== "builds" || server.isFake;
  const runs = itWhen(
    isQuick && (scenario.needs !== "programs" || !server.isFake),
    isQuick ? "the fake guest has no programs of its own" : "a template takes minutes: npm run test:templates",
  );
  runs(scenario.name, () => runScenario(panda, scenario));
}
