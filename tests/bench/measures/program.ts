import { execFileSync } from "node:child_process";
import { type BaseRoot, mountBaseRoot } from "../base-root.ts";
import type { MakeMeasure } from "../measure.ts";
import { median } from "../stats.ts";

const RUNS = 5;
const MOST_TIMES_OUTSIDE = 1.5;
/** Says the microseconds of each run, by a clock that the shell reads itself: to ask a program for the time is to start one more. */
const SCRIPT = `for n in $(seq ${RUNS}); do a=$EPOCHREALTIME; node -e 0; b=$EPOCHREALTIME; echo $((\${b/./} - \${a/./})); done`;
const SHELL = "/bin/bash";

/** Where both find the program. */
const PLAIN_ENV = { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" };

/** One program, the same file of the same root file system, in a sandbox and on the host. Computing, with a few hundred system calls. */
export const program: MakeMeasure = ({ client, quick, runtime, server }) => {
  const inside: number[] = [];
  const outside: number[] = [];
  let id = "";
  let base: BaseRoot | undefined;
  const notRun = server === undefined ? { notRun: "needs a server of its own" } : {};
  return {
    rounds: quick ? 2 : 6,
    async prepare() {
      if (server === undefined) return;
      ({ id } = await client.create());
      base = mountBaseRoot(server.dataDir);
    },
    async round(isCounted) {
      if (base === undefined) return;
      const here = execFileSync("chroot", [base.root, SHELL, "-c", SCRIPT], { encoding: "utf8", env: PLAIN_ENV });
      const there = (await client.exec(id, `${SHELL} -c '${SCRIPT}'`)).json.stdout;
      if (!isCounted) return;
      inside.push(...milliseconds(there));
      outside.push(...milliseconds(here));
    },
    async finish() {
      base?.remove();
      if (id !== "") await client.remove(id);
    },
    rows: () => [
      { name: "node -e 0, in a sandbox", unit: "ms", samples: inside, ...notRun },
      { name: "  on the host", unit: "ms", samples: outside, ...notRun },
      {
        name: "  inside / outside",
        unit: "times",
        // In emulation nothing is promised.
        ...(runtime === "gvisor" && { target: { atMost: MOST_TIMES_OUTSIDE } }),
        samples: outside.length === 0 ? [] : [median(inside) / median(outside)],
        ...notRun,
      },
    ],
  };
};

const milliseconds = (text: string): number[] =>
  text
    .trim()
    .split("\n")
    .map((line) => Number(line) / 1000);
