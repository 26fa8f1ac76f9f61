import { join } from "node:path";
import { openFakeHost } from "./fake-host.ts";
import { describeRuntime } from "./suite/describe.ts";
import type { Target } from "./suite/target.ts";

async function makeHost(): Promise<Target> {
  const fake = await openFakeHost();
  return {
    get host() {
      return fake.host;
    },
    folders: [fake.layout.poolDir, fake.layout.runDir],
    journal: join(fake.layout.dataDir, "journal/host.sqlite"),
    vmmMark: undefined,
    marks: [fake.layout.dataDir],
    restart: async () => void (await fake.restart()),
    reboot: () => fake.reboot(),
    killMachine: (sandboxId) => fake.killMachine(sandboxId),
    close: () => fake.remove(),
    programs: { echoServer: (port) => `exec listen ${port}` },
    guestIsOutside: false,
  };
}

describeRuntime("fake", makeHost, {
  skip: [
    {
      case: "a hundred megabytes pass without staying in the agent's memory",
      reason: "the fake guest's files are in the agent's memory",
    },
    { case: "a running Python process is forked in the middle of its work", reason: "the fake guest has no Python" },
    { case: "programs that talk to each other inside go on with it", reason: "the fake guest has no Python" },
    { case: "every new Python process draws its own hash seed and addresses", reason: "the fake guest has no Python" },
    { case: "orphans are reaped: no zombie stays", reason: "the fake guest has no /proc/PID" },
  ],
});
