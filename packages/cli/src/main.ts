import { CommanderError } from "commander";
import { describeFailure, exitCodeOf, failureAsJson } from "./failure.ts";
import { exitQuietlyOnClosedPipe } from "./output.ts";
import { endWithParent } from "./parent.ts";
import { buildProgram } from "./program.ts";

exitQuietlyOnClosedPipe();
endWithParent();
try {
  await buildProgram().parseAsync();
} catch (error) {
  // What commander has to say it has said.
  if (!(error instanceof CommanderError)) {
    const ownWords = process.argv.slice(2);
    const end = ownWords.indexOf("--");
    const isJson = (end === -1 ? ownWords : ownWords.slice(0, end)).includes("--json");
    process.stderr.write(isJson ? `${JSON.stringify(failureAsJson(error))}\n` : `${describeFailure(error)}\n`);
  }
  process.exitCode = exitCodeOf(error);
}
