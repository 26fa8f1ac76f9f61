/** node examples/quickstart.ts: a sandbox from its beginning to its end. Needs a running server. */
import { Sandbox } from "@pandastack/sdk";

await using sandbox = await Sandbox.create({ ttlSeconds: 600 });
console.log(`${sandbox.id} runs on ${sandbox.info.isolation}`);

await sandbox.files.write("/root/main.py", "import platform; print('hello from', platform.platform())\n");
const { stdout } = await sandbox.commands.run("python3 main.py", { cwd: "/root", timeoutMs: 20_000, check: true });
process.stdout.write(stdout);

await sandbox.hibernate();
console.log(`asleep: ${sandbox.status}`);
// Use wakes it, with everything in memory where it was.
console.log(await sandbox.files.readText("/root/main.py"));
