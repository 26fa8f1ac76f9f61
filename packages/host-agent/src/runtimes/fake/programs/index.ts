import { exit } from "../kernel/calls.ts";
import { filterPrograms } from "./filters.ts";
import { interpreterPrograms } from "./interpreters.ts";
import { processPrograms } from "./processes.ts";
import type { Program } from "./program.ts";
import { serverPrograms } from "./servers.ts";
import { simplePrograms } from "./simple.ts";
import { streamPrograms } from "./streams.ts";

const simple = Object.entries(simplePrograms).map(([name, run]): [string, Program] => [
  name,
  { step: (kernel, process) => exit(kernel, process, run({ kernel, process }, process.argv.slice(1), name)) },
]);

/** Every program of the fake guest, by the name in /usr/bin. */
export const programs: Record<string, Program> = {
  ...Object.fromEntries(simple),
  ...streamPrograms,
  ...filterPrograms,
  ...processPrograms,
  ...interpreterPrograms,
  ...serverPrograms,
};
