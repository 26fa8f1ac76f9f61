/** node examples/errors.ts: what goes wrong says what it is, and what to do. */
import { CommandError, PandaStackError, Sandbox, TimeoutError } from "@pandastack/sdk";

await using sandbox = await Sandbox.create({ ttlSeconds: 600 });

try {
  await sandbox.commands.run("cat /no/such/file", { check: true });
} catch (error) {
  if (error instanceof CommandError) console.log(`exit code ${error.result.exitCode}`);
}

try {
  await sandbox.commands.run("sleep 60", { timeoutMs: 300 });
} catch (error) {
  if (error instanceof TimeoutError) console.log(`${error.code}: ${error.hint}`);
}

await sandbox.pause();
try {
  await sandbox.commands.run("true");
} catch (error) {
  if (!(error instanceof PandaStackError)) throw error;
  console.log(`${error.code}: ${error.hint} (request ${error.requestId})`);
}
await sandbox.resume();
