import type { Container } from "./container.ts";
import { run } from "../../processes/run.ts";
import { runscRoot } from "./machine-files.ts";
import { runscCommand } from "./runsc.ts";

/** Asked once, after another host agent has gone: it may have died in the middle of a snapshot. */
export async function isPaused(container: Container): Promise<boolean> {
  const { build, files, record } = container;
  const [file, ...argv] = runscCommand(build, runscRoot(files), ["state", record.machineId]);
  const { stdout } = await run(file!, argv);
  return (JSON.parse(stdout) as { status: string }).status === "paused";
}
