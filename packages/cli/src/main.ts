import { describeFailure } from "./failure.ts";
import { exitQuietlyOnClosedPipe } from "./output.ts";
import { buildProgram } from "./program.ts";

exitQuietlyOnClosedPipe();
try {
  await buildProgram().parseAsync();
} catch (error) {
  process.stderr.write(`${describeFailure(error)}\n`);
  process.exitCode = 1;
}
