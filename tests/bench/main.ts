import { join } from "node:path";
import { parseArgs } from "node:util";
import { REPOSITORY, removeData, startServer } from "../e2e/support/start-server.ts";
import { BenchClient } from "./bench-client.ts";
import { busyPercent, describeLoad } from "./machine-load.ts";
import { type Bench, type MakeMeasure, runInterleaved } from "./measure.ts";
import { coldRestore } from "./measures/cold-restore.ts";
import { code } from "./measures/code.ts";
import { containers } from "./measures/containers.ts";
import { create } from "./measures/create.ts";
import { files } from "./measures/files.ts";
import { fork } from "./measures/fork.ts";
import { hibernate } from "./measures/hibernate.ts";
import { idle } from "./measures/idle.ts";
import { largeFile } from "./measures/large-file.ts";
import { preview } from "./measures/preview.ts";
import { program } from "./measures/program.ts";
import { proxy } from "./measures/proxy.ts";
import { rate } from "./measures/rate.ts";
import { measureRestart } from "./measures/restart.ts";
import { sdk } from "./measures/sdk.ts";
import { printTable, writeResults } from "./report.ts";
import { isWithinTarget } from "./stats.ts";
import { traceCreate } from "./trace.ts";

const FORK = { dirtyMb: 40, pauseTarget: { atMost: 60 } };

/** In the order of the table. `restart` is not among them: it ends the server that all others measure. */
const MEASURES: Record<string, MakeMeasure> = {
  create,
  "rate-1": rate(1),
  "rate-4": rate(4, (targets) => targets.createsASecond),
  "rate-16": rate(16),
  "fork-1": fork({ ...FORK, children: 1, rounds: { quick: 3, whole: 12 }, target: ({ fork: one }) => one }),
  "fork-10": fork({ ...FORK, children: 10, rounds: { quick: 1, whole: 4 }, target: ({ tenChildren }) => tenChildren }),
  "fork-large": fork({
    children: 1,
    dirtyMb: 500,
    rounds: { quick: 2, whole: 6 },
    target: ({ forkLarge }) => forkLarge,
  }),
  hibernate,
  program,
  code,
  files,
  "large-file": largeFile,
  proxy,
  preview,
  sdk,
  idle,
  "cold-restore": coldRestore,
  containers,
};
const RESTART = "restart";
const NAMES = [...Object.keys(MEASURES), RESTART];

const usage = `npm run bench [-- --quick] [-- --check] [-- --only NAME] [-- --trace create] [-- --url URL --token TOKEN]

Measures through HTTP and prints percentiles beside the targets of docs/specification.md; the samples go to bench-results/.
Without --url it starts a server of its own in a temporary folder. Rounds of all measures alternate, after one of each that
does not count; run it on a machine that does nothing else, it says so where it sees otherwise.

  --quick         fewer rounds
  --check         exit with 1 where a target is missed
  --only NAME     one measure, may be given several times: ${NAMES.join(", ")}
  --trace create  where the time of a create goes, step by step, instead of the table
`;

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    check: { type: "boolean", default: false },
    only: { type: "string", multiple: true },
    trace: { type: "string" },
    url: { type: "string" },
    token: { type: "string" },
    help: { type: "boolean", default: false },
  },
});
const wanted = values.only ?? NAMES;
const unknown = wanted.filter((name) => !NAMES.includes(name));

if (values.help) process.stdout.write(usage);
else if (unknown.length > 0 || (values.trace !== undefined && values.trace !== "create")) {
  process.stderr.write(
    `there is no ${[...unknown, values.trace ?? ""].filter(Boolean).join(", ")} to measure\n\n${usage}`,
  );
  process.exitCode = 2;
} else process.exitCode = await bench();

async function bench(): Promise<number> {
  const before = await busyPercent();
  process.stdout.write(describeLoad("before", before));
  let own = values.url === undefined ? await startServer() : undefined;
  const token = own?.token ?? values.token ?? process.env["PANDASTACK_API_KEY"] ?? "";
  const client = new BenchClient(own?.url ?? values.url ?? "", token);
  try {
    const first = await client.create();
    const { runtime, isolation } = first.json;
    await client.remove(first.id);
    process.stdout.write(`${runtime}, ${isolation}\n\n`);
    if (values.trace !== undefined) {
      process.stdout.write(await traceCreate(client, values.quick ? 10 : 40));
      return 0;
    }
    const rows = await measureWanted({ client, quick: values.quick, runtime, server: own });
    const after = await busyPercent();
    if (own !== undefined && wanted.includes(RESTART)) {
      const restarted = await measureRestart(own);
      own = restarted.server;
      rows.push(restarted.row);
    }
    process.stdout.write("\n");
    printTable(rows);
    process.stdout.write(`\n${describeLoad("after", after)}`);
    const circumstances = { runtime, isolation, quick: values.quick, othersCpuPercent: { before, after } };
    process.stdout.write(`${writeResults(join(REPOSITORY, "bench-results"), rows, circumstances)}\n`);
    return values.check && rows.some((row) => isWithinTarget(row) === false) ? 1 : 0;
  } finally {
    await client.close();
    await own?.stop();
    if (own !== undefined) removeData(own.dataDir);
  }
}

function measureWanted(context: Bench) {
  const measures = new Map(
    Object.entries(MEASURES)
      .filter(([name]) => wanted.includes(name))
      .map(([name, make]) => [name, make(context)]),
  );
  if (measures.size === 0) return Promise.resolve([]);
  return runInterleaved(measures, (text) => process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${text}` : ""));
}
