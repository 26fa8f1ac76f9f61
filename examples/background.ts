/** node examples/background.ts: a command that outlives its caller, found and followed again. */
import { Sandbox } from "@pandastack/sdk";

await using sandbox = await Sandbox.create({ ttlSeconds: 600 });
const { id } = await sandbox.commands.start("for i in 1 2 3; do echo line $i; sleep 0.2; done", { tag: "counter" });

// Any program that knows the id, now or later: what was written before is replayed.
const again = await sandbox.commands.connect(id);
const { exitCode } = await again.wait({ onStdout: (text) => process.stdout.write(text) });
console.log(`ended with ${exitCode}`);
