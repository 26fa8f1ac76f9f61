import { spawn } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type BaseRoot, mountBaseRoot } from "../base-root.ts";
import type { MakeMeasure } from "../measure.ts";
import { median, type Row } from "../stats.ts";
import { plainConfig } from "./plain-config.ts";

const PROGRAMS = ["runsc", "crun"] as const;
type Program = (typeof PROGRAMS)[number];

/**
 * The same thing by plain container runtimes, in the same run: `/bin/true` in the same root file system, from nothing to its end.
 * Beside it a sandbox that is created and runs it. A figure of another machine, or hour, compares with neither.
 */
export const containers: MakeMeasure = ({ client, quick, server }) => {
  const here = PROGRAMS.filter(isInstalled);
  const samples: Record<Program, number[]> = { runsc: [], crun: [] };
  const ours: number[] = [];
  let bundle: BaseRoot | undefined;
  const reason = (program: Program): string | undefined => {
    if (server === undefined) return "the server is not the bench's own";
    return here.includes(program) ? undefined : `package ${program} is not installed`;
  };
  return {
    rounds: quick ? 3 : 12,
    async prepare() {
      if (server !== undefined && here.length > 0) bundle = makeBundle(server.dataDir);
    },
    async round(isCounted) {
      if (bundle === undefined) return;
      for (const program of here) {
        const ms = await runOnce(program, bundle);
        if (isCounted) samples[program].push(ms);
      }
      const sandbox = await client.create();
      const exec = await client.exec(sandbox.id, "true");
      if (isCounted) ours.push(sandbox.ms + exec.ms);
      await client.remove(sandbox.id);
    },
    finish: async () => bundle?.remove(),
    rows: () =>
      PROGRAMS.flatMap((program): Row[] => {
        const notRun = reason(program);
        if (notRun !== undefined) return [{ name: `${program} run`, unit: "ms", samples: [], notRun }];
        const ratio = median(ours) / median(samples[program]);
        return [
          { name: `${program} run of true, same root file system`, unit: "ms", samples: samples[program] },
          { name: `  create and first exec of true / ${program} run`, unit: "times", samples: [ratio] },
        ];
      }),
  };
};

function makeBundle(dataDir: string): BaseRoot {
  const base = mountBaseRoot(dataDir);
  writeFileSync(join(base.dir, "config.json"), JSON.stringify(plainConfig(["/bin/true"])));
  return base;
}

function isInstalled(program: string): boolean {
  return (process.env["PATH"] ?? "").split(":").some((folder) => existsSync(join(folder, program)));
}

let made = 0;

async function runOnce(program: Program, { dir }: BaseRoot): Promise<number> {
  const id = `pandastack-bench-${process.pid}-${made++}`;
  const [file, ...args] = commandOf(program, id);
  const began = performance.now();
  const child = spawn(file!, args, { cwd: dir, stdio: ["ignore", "ignore", "pipe"] });
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const code = await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (code !== 0) throw new Error(`${program} ended with ${String(code)}: ${stderr}`);
  return performance.now() - began;
}

/** crun knows no machine with cgroups of both versions: there it is shown those of version 2 alone, which costs it 2 ms. */
function commandOf(program: Program, id: string): string[] {
  if (program === "runsc") return ["runsc", "--network=none", "--ignore-cgroups", "run", id];
  const crun = `crun --cgroup-manager=disabled run ${id}`;
  if (existsSync("/sys/fs/cgroup/cgroup.controllers")) return ["sh", "-c", `exec ${crun}`];
  return ["unshare", "--mount", "sh", "-c", `mount -t cgroup2 none /sys/fs/cgroup && exec ${crun}`];
}
