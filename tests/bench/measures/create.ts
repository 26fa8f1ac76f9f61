import type { MakeMeasure } from "../measure.ts";
import { median } from "../stats.ts";
import { targetsOf } from "../targets.ts";
import { hostMs, serverMs } from "../trace.ts";

/** Every so many rounds goes on to the tenth command. */
const TENTH_EVERY = 4;

/** One after another: create, the first command, now and then nine more. */
export const create: MakeMeasure = ({ client, quick, runtime }) => {
  const targets = targetsOf(runtime);
  const made: number[] = [];
  const restore: number[] = [];
  const ownShare: number[] = [];
  const ofItServer: number[] = [];
  const first: number[] = [];
  const tenth: number[] = [];
  let round = 0;
  return {
    rounds: quick ? 8 : 40,
    async round(isCounted) {
      const sandbox = await client.create();
      const exec = await client.exec(sandbox.id, "true");
      let last: number | undefined;
      if (round++ % TENTH_EVERY === 0) {
        for (let n = 2; n < 10; n++) await client.exec(sandbox.id, "true");
        last = (await client.exec(sandbox.id, "true")).ms;
      }
      await client.remove(sandbox.id);
      if (!isCounted) return;
      made.push(sandbox.ms);
      restore.push(sandbox.json.boot_ms);
      ownShare.push(sandbox.ms - hostMs(sandbox.steps));
      ofItServer.push(serverMs(sandbox.steps) - hostMs(sandbox.steps));
      first.push(exec.ms);
      if (last !== undefined) tenth.push(last);
    },
    rows: () => [
      { name: "create, answer = usable", unit: "ms", target: targets.create, samples: made },
      { name: "  of it: restore on the host (boot_ms)", unit: "ms", samples: restore },
      {
        name: "  of it: the control plane's own share, HTTP included",
        unit: "ms",
        target: { atMost: 10 },
        samples: ownShare,
      },
      { name: "    of it: between the control plane's first and last step", unit: "ms", samples: ofItServer },
      { name: "first exec of true", unit: "ms", target: targets.firstExec, samples: first },
      { name: "tenth exec of true", unit: "ms", target: targets.tenthExec, samples: tenth },
      {
        name: "  first / tenth",
        unit: "times",
        samples: tenth.length === 0 ? [] : [median(first) / median(tenth)],
      },
    ],
  };
};
