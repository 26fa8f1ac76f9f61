import { expect, test } from "vitest";
import { lifecycleVerbs, operations, sandboxStates, step, type Operation } from "../src/index.ts";

test("every state answers every verb", () => {
  const table = sandboxStates.map(
    (state) => `${state}: ${lifecycleVerbs.map((verb) => `${verb} ${describeStep(step(state, verb))}`).join(", ")}`,
  );
  expect(table).toMatchInlineSnapshot(`
    [
      "creating: use refused, pause refused, resume refused, hibernate refused, wake refused, snapshot refused, fork refused, configure → creating, delete → deleted",
      "running: use → running, pause → paused, resume = running, hibernate → hibernated, wake = running, snapshot → running, fork → running, configure → running, delete → deleted",
      "paused: use refused, pause = paused, resume → running, hibernate → hibernated, wake → running, snapshot → paused, fork → paused, configure → paused, delete → deleted",
      "stopping: use refused, pause refused, resume refused, hibernate refused, wake refused, snapshot refused, fork refused, configure refused, delete → deleted",
      "hibernated: use wakes → running, pause wakes → paused, resume → running, hibernate = hibernated, wake → running, snapshot wakes → running, fork → hibernated, configure → hibernated, delete → deleted",
      "failed: use refused, pause refused, resume refused, hibernate refused, wake → running, snapshot refused, fork refused, configure → failed, delete → deleted",
      "deleted: use refused, pause refused, resume refused, hibernate refused, wake refused, snapshot refused, fork refused, configure refused, delete = deleted",
    ]
  `);
});

function describeStep(given: ReturnType<typeof step>): string {
  if (given.kind === "refuse") return "refused";
  return `${{ run: "→", nothing: "=", "wake-first": "wakes →" }[given.kind]} ${given.to}`;
}

test("a refusal completes 'the sandbox …'", () => {
  for (const state of sandboxStates) {
    for (const verb of lifecycleVerbs) {
      const next = step(state, verb);
      if (next.kind === "refuse") expect(next.why).toMatch(/^(is|has) /);
    }
  }
});

test("waking first leads to a state in which the verb runs", () => {
  for (const verb of lifecycleVerbs) {
    if (step("hibernated", verb).kind === "wake-first") expect(step("running", verb).kind).toBe("run");
  }
});

test("activity and waking, as the contract's table has them", () => {
  const all = Object.entries(operations) as [string, Operation][];
  const onSandboxes = all.filter(([, { path }]) => path.startsWith("/v1/sandboxes/{id}"));
  const names = (keep: (operation: Operation) => boolean) =>
    onSandboxes
      .filter(([, operation]) => keep(operation))
      .map(([name]) => name)
      .toSorted();
  const wakes = (operation: Operation) =>
    operation.verb !== null && step("hibernated", operation.verb).kind === "wake-first";
  expect(names((operation) => !operation.isActivity && !wakes(operation))).toEqual([
    "addPort",
    // Its calls are calls of their own.
    "callSandboxMcp",
    "createPreview",
    "createPreviewToken",
    "deleteSandbox",
    "getLifecycle",
    "getSandbox",
    "getSandboxLogs",
    "getSandboxMetrics",
    "getSandboxNetwork",
    "getSandboxUtil",
    "hibernateSandbox",
    "listPorts",
    "listSandboxEvents",
    "removePort",
    "revokePreviewTokens",
    "startSandbox",
    "stopSandbox",
    "wakeSandbox",
  ]);
  expect(names((operation) => !operation.isActivity && wakes(operation))).toEqual([
    "getProcess",
    // What contexts there are is in the sandbox's memory alone.
    "listCodeContexts",
    "listFiles",
    "listProcesses",
    "listReplSessions",
    "statFile",
  ]);
  expect(names((operation) => operation.isActivity && !wakes(operation))).toEqual([
    "forkSandbox",
    "forkTree",
    "promoteSandbox",
    "resumeSandbox",
    "updateLifecycle",
    "updateSandbox",
  ]);
});
