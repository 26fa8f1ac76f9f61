import { PandaStack } from "@pandastack/sdk";

/**
 * A program that starts something in a sandbox, says its id, and then waits to be killed:
 * `node sdk-client.ts <sandbox> terminal|kept-terminal|command|input`. The server's address and token are in the environment.
 */
const [id = "", what = ""] = process.argv.slice(2);
const sandbox = await new PandaStack().sandboxes.get(id);
const started = await start();
process.stdout.write(`${started.id}\n`);
setInterval(() => {}, 60_000);

async function start(): Promise<{ id: string }> {
  switch (what) {
    case "terminal":
      return sandbox.pty.create({ keep: false });
    case "kept-terminal":
      return sandbox.pty.create();
    case "input":
      return sandbox.commands.start("cat", { stdin: true, keep: false });
    default:
      return sandbox.commands.start("echo first; while ! test -e /tmp/go; do sleep 0.05; done; echo second; exit 7");
  }
}
