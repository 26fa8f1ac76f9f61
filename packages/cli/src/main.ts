import { exitQuietlyOnClosedPipe } from "./output.ts";
import { endWithParent } from "./parent.ts";
import { runProgram } from "./run-program.ts";

exitQuietlyOnClosedPipe();
endWithParent();
await runProgram(process.argv.slice(2));
