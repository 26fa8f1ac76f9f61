// What the SDK is asked to do wherever it runs: plain JavaScript, for runtimes and pages alike. The answer is what it found.
export async function scenario({ PandaStack, NotFoundError, TimeoutError }, { url, token }) {
  const panda = new PandaStack({ baseUrl: url, apiKey: token });
  const found = {};
  const sandbox = await panda.sandboxes.create({ ttlSeconds: 600, metadata: { from: "scenario" } });
  try {
    const { stdout, exitCode } = await sandbox.commands.run("echo out; exit 3");
    found.ran = [stdout, exitCode];
    const heard = [];
    await sandbox.commands.run("echo one; echo two", { onStdout: (text) => heard.push(text) });
    found.heard = heard.join("");
    found.sorted = (await sandbox.commands.run("cat", { stdin: "in and out" })).stdout;

    const cat = await sandbox.commands.start("cat", { stdin: true });
    await cat.write("by socket\n");
    await cat.closeStdin();
    found.socket = (await cat.wait()).stdout;

    const terminal = await sandbox.pty.create({ command: "sh" });
    await terminal.write("exit 7\n");
    await terminal.output.forEach(() => undefined);
    found.terminal = (await terminal.exited).exitCode;

    const big = new Uint8Array(300_000).map((_, index) => index % 251);
    await sandbox.files.write("/root/big", big);
    const back = await sandbox.files.read("/root/big");
    found.bytes = back.length === big.length && back.every((byte, index) => byte === big[index]);
    found.names = (await sandbox.files.list("/root").toArray())
      .map(({ name }) => name)
      .filter((name) => name === "big");

    const changes = await sandbox.files.watch("/root");
    await sandbox.files.write("/root/new", "x");
    found.change = (await changes.next()).value.path;
    await changes.close();

    const copy = await sandbox.fork();
    found.copied = (await copy.files.read("/root/big")).length;
    await copy.kill();
    found.listed = (await panda.sandboxes.list().toArray()).some(({ id }) => id === sandbox.id);
    found.late = await sandbox.commands
      .run("sleep 9", { timeoutMs: 100 })
      .catch((error) => error instanceof TimeoutError);
    found.missing = await panda.sandboxes.get("zzzzzzzzzzzzzzzzzzzz").catch((error) => error instanceof NotFoundError);
  } finally {
    await sandbox.kill();
  }
  return found;
}

export const EXPECTED = {
  ran: ["out\n", 3],
  heard: "one\ntwo\n",
  sorted: "in and out",
  socket: "by socket\n",
  terminal: 7,
  bytes: true,
  names: ["big"],
  change: "/root/new",
  copied: 300_000,
  listed: true,
  late: true,
  missing: true,
};
