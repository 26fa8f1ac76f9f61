import { exit } from "./kernel/calls.ts";
import { archivePrograms } from "./programs/archives.ts";
import { filterPrograms } from "./programs/filters.ts";
import { interpreterPrograms } from "./programs/interpreters.ts";
import { processPrograms } from "./programs/processes.ts";
import { grepWith, searchPrograms } from "./programs/search-commands.ts";
import type { Program } from "./programs/program.ts";
import { serverPrograms } from "./programs/servers.ts";
import { simplePrograms } from "./programs/simple.ts";
import { shellProgram } from "./shell/program.ts";
import { streamPrograms } from "./programs/streams.ts";

const simple = Object.entries(simplePrograms).map(([name, run]): [string, Program] => [
  name,
  { step: (kernel, process) => exit(kernel, process, run({ kernel, process }, process.argv.slice(1), name)) },
]);

/** Every program of the fake guest, by the name in /usr/bin. */
export const programs: Record<string, Program> = {
  ...Object.fromEntries(simple),
  ...streamPrograms,
  ...archivePrograms,
  ...filterPrograms,
  ...processPrograms,
  ...searchPrograms,
  grep: grepWith(filterPrograms["grep"]!),
  ...interpreterPrograms,
  ...serverPrograms,
  sh: shellProgram,
  bash: shellProgram,
  dash: shellProgram,
};
