import { join } from "node:path";
import { parseArgs } from "node:util";
import { REPOSITORY, removeData, startServer } from "../e2e/support/start-server.ts";
import { BenchClient } from "./bench-client.ts";
import { measureCreate, measureRate } from "./measures/create.ts";
import { measureFiles } from "./measures/files.ts";
import { measureFork } from "./measures/fork.ts";
import { measureHibernate } from "./measures/hibernate.ts";
import { measureRestart } from "./measures/restart.ts";
import { printTable, writeResults } from "./report.ts";
import { isWithinTarget, type Row } from "./stats.ts";

const usage = `npm run bench [-- --quick] [-- --check] [-- --url URL --token TOKEN]

Measures through HTTP and prints medians beside the targets of docs/specification.md; the samples go to bench-results/.
Without --url it starts a server of its own in a temporary folder.

  --quick   fewer rounds
  --check   exit with 1 where a target is missed
`;

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    check: { type: "boolean", default: false },
    url: { type: "string" },
    token: { type: "string" },
    help: { type: "boolean", default: false },
  },
});

if (values.help) process.stdout.write(usage);
else process.exitCode = await bench();

async function bench(): Promise<number> {
  let own = values.url === undefined ? await startServer() : undefined;
  const client = new BenchClient(
    own?.url ?? values.url ?? "",
    own?.token ?? values.token ?? process.env["PANDASTACK_API_KEY"] ?? "",
  );
  try {
    const warmUp = await client.create();
    const { runtime, isolation } = warmUp.json;
    await client.remove(warmUp.id);
    process.stdout.write(`${runtime}, ${isolation}\n\n`);
    const rows = await measureAll(client);
    if (own !== undefined) {
      const restarted = await measureRestart(own);
      own = restarted.server;
      rows.push(restarted.row);
    }
    printTable(rows);
    const path = writeResults(join(REPOSITORY, "bench-results"), rows, { runtime, isolation, quick: values.quick });
    process.stdout.write(`\n${path}\n`);
    return values.check && rows.some((row) => isWithinTarget(row) === false) ? 1 : 0;
  } finally {
    await client.close();
    await own?.stop();
    if (own !== undefined) removeData(own.dataDir);
  }
}

async function measureAll(client: BenchClient): Promise<Row[]> {
  const { quick } = values;
  return [
    ...(await measureCreate(client, quick ? 8 : 40)),
    await measureRate(client, 1, quick ? 4 : 16),
    await measureRate(client, 4, quick ? 8 : 16),
    ...(await measureFork(client, quick ? 2 : 6, quick ? 1 : 3)),
    ...(await measureHibernate(client, quick ? 3 : 10)),
    ...(await measureFiles(client, quick ? 1 : 3, quick ? 16 : 64)),
  ];
}
