import { parseServerTiming, type StepTime } from "@pandastack/platform";
import type { BenchClient } from "./bench-client.ts";
import { number } from "./report.ts";
import { median } from "./stats.ts";

/** What the control plane calls the time that it waited for the host agent, and what it puts before the host's own steps. */
const HOST_STEP = "host";
const HOST_PREFIX = "host.";
const BAR_COLUMNS = 60;

export const stepsOf = (header: string | string[] | undefined): StepTime[] =>
  typeof header === "string" ? parseServerTiming(header) : [];

/** Time that the host agent had a command, by its own clock. */
export const hostMs = (steps: StepTime[]): number => msOf(steps, `${HOST_PREFIX}total`);
/** From the control plane's receiving the request to its answer. */
export const serverMs = (steps: StepTime[]): number => msOf(steps, "total");

const msOf = (steps: StepTime[], name: string): number => steps.find((step) => step.name === name)?.ms ?? Number.NaN;

/** Where the time of a create goes, step by step: medians of so many, one after the other. */
export async function traceCreate(client: BenchClient, rounds: number): Promise<string> {
  const samples = new Map<string, number[]>();
  const note = (name: string, ms: number) => samples.set(name, [...(samples.get(name) ?? []), ms]);
  const totals: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const { id, ms, steps } = await client.create();
    await client.remove(id);
    totals.push(ms);
    for (const step of steps) note(step.name, step.ms);
    note("client", ms - serverMs(steps));
    note("transport", msOf(steps, HOST_STEP) - hostMs(steps));
  }
  return waterfall(samples, median(totals), rounds);
}

interface Bar {
  name: string;
  ms: number;
}

function waterfall(samples: Map<string, number[]>, totalMs: number, rounds: number): string {
  const at = (name: string): number => median(samples.get(name) ?? []);
  const host = [...samples.keys()]
    .filter((name) => name.startsWith(HOST_PREFIX) && name !== `${HOST_PREFIX}total`)
    .map((name): Bar => ({ name: `  host agent: ${name.slice(HOST_PREFIX.length)}`, ms: at(name) }));
  const told = host.reduce((sum, { ms }) => sum + ms, 0);
  const bars: Bar[] = [...samples.keys()]
    .filter((name) => !name.startsWith(HOST_PREFIX) && !["total", "client", "transport"].includes(name))
    .flatMap((name) =>
      name === HOST_STEP
        ? [
            ...host,
            { name: "  host agent: the rest", ms: at(`${HOST_PREFIX}total`) - told },
            { name: "  control plane ⇄ host agent", ms: at("transport") },
          ]
        : [{ name: `control plane: ${name}`, ms: at(name) }],
    );
  bars.push({ name: "client ⇄ control plane", ms: at("client") });
  const width = Math.max(...bars.map(({ name }) => name.length));
  let passed = 0;
  const lines = bars.map(({ name, ms }) => {
    const from = Math.round((passed / totalMs) * BAR_COLUMNS);
    passed += ms;
    const to = Math.max(from + 1, Math.round((passed / totalMs) * BAR_COLUMNS));
    return `${name.padEnd(width)}  ${number(ms).padStart(6)}  ${" ".repeat(Math.max(0, from))}${"█".repeat(to - from)}`;
  });
  const head = `a create takes ${number(totalMs)} ms (median of ${rounds}); medians of its steps in ms, which need not add up to it`;
  return `${[head, "", ...lines].join("\n")}\n`;
}
