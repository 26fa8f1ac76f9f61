import type { Container } from "./container.ts";
import { run } from "../../processes/run.ts";
import { runscRoot } from "./machine-files.ts";
import { runscCommand } from "./runsc.ts";

/** By runsc's own notes. */
export async function isPausedForRunsc(container: Container): Promise<boolean> {
  const { build, files, record } = container;
  const [file, ...argv] = runscCommand(build, runscRoot(files), ["state", record.machineId]);
  const { stdout } = await run(file!, argv);
  return (JSON.parse(stdout) as { status: string }).status === "paused";
}
