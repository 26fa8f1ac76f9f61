import { createHash, randomBytes } from "node:crypto";
import {
  CommandError,
  ConflictError,
  NotFoundError,
  type PandaStackError,
  Sandbox,
  TimeoutError,
} from "@pandastack/sdk";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { panda, removeAfterTest } from "./support/api.ts";

/** Our own client, every call of it. */
describe("@pandastack/sdk", () => {
  let sandbox: Sandbox;

  beforeAll(async () => {
    sandbox = await panda.sandboxes.create({
      ttlSeconds: 900,
      metadata: { suite: "sdk" },
      env: { FROM_CREATE: "yes" },
    });
  });
  afterAll(async () => {
    await sandbox.kill();
  });

  it("creates, gets and lists", async () => {
    expect(sandbox.info).toMatchObject({
      status: "running",
      template: "base",
      metadata: { suite: "sdk" },
      ttl_seconds: 900,
    });
    expect(["qemu", "gvisor", "fake"]).toContain(sandbox.info.runtime);
    expect((await Sandbox.get(sandbox.id, {}, panda)).info).toMatchObject({ id: sandbox.id, status: "running" });
    expect((await panda.sandboxes.list().toArray()).map(({ id }) => id)).toContain(sandbox.id);
    expect((await panda.templates.list().toArray()).map(({ name }) => name)).toContain("base");
  });

  it("makes one sandbox for one idempotency key", async () => {
    const idempotencyKey = crypto.randomUUID();
    const [one, two] = await Promise.all([
      panda.sandboxes.create({ idempotencyKey }),
      panda.sandboxes.create({ idempotencyKey }),
    ]);
    removeAfterTest(one.id);
    expect(two.id).toBe(one.id);
  });

  describe("commands", () => {
    it("run with folder, environment and user", async () => {
      const result = await sandbox.commands.run("pwd; echo $A $FROM_CREATE; id -un", {
        cwd: "/tmp",
        env: { A: "1" },
        user: "user",
      });
      expect(result).toEqual({ exitCode: 0, stdout: "/tmp\n1 yes\nuser\n", stderr: "" });
    });

    it("throw when checked, and when late", async () => {
      await expect(sandbox.commands.run("exit 9", { check: true })).rejects.toBeInstanceOf(CommandError);
      await expect(sandbox.commands.run("sleep 30", { timeoutMs: 500 })).rejects.toBeInstanceOf(TimeoutError);
    });

    it("stream while they run", async () => {
      const stream = sandbox.commands.stream("echo first; while ! test -e /tmp/go; do sleep 0.05; done; echo second");
      expect(await stream.next()).toMatchObject({ value: { type: "stdout", text: "first\n" } });
      await sandbox.files.write("/tmp/go", "");
      const rest = [];
      for await (const event of stream) rest.push(event);
      expect(rest).toEqual([
        { type: "stdout", text: "second\n" },
        { type: "exit", exitCode: 0 },
      ]);
    });

    it("carry megabytes unharmed", async () => {
      const { stdout } = await sandbox.commands.run("head -c 3000000 /dev/zero | tr '\\0' x");
      expect(stdout).toBe("x".repeat(3_000_000));
    });
  });

  describe("processes", () => {
    it("go on in the background, are listed, joined with replay, and ended", async () => {
      const { id } = await sandbox.commands.start("echo early; while :; do sleep 0.1; done", { tag: "loop" });
      expect((await sandbox.commands.list().toArray()).find((each) => each.id === id)).toMatchObject({
        tag: "loop",
        running: true,
      });
      const joined = await sandbox.commands.connect(id);
      const output = joined.output();
      expect((await output.next()).value).toMatchObject({ type: "stdout", data: Buffer.from("early\n") });
      await sandbox.commands.kill(id);
      await output.forEach(() => undefined);
      expect(await joined.exit()).toMatchObject({ exitCode: 137, signal: "SIGKILL" });
    });

    it("take input until its end", async () => {
      const cat = await sandbox.commands.start("cat; echo done >&2", { stdin: true });
      const bytes = randomBytes(400_000);
      const writing = cat.write(bytes).then(() => cat.closeStdin());
      const out: Buffer[] = [];
      const err: Buffer[] = [];
      for await (const { type, data } of cat.output()) (type === "stdout" ? out : err).push(Buffer.from(data));
      await writing;
      expect(Buffer.concat(out).equals(bytes)).toBe(true);
      expect(Buffer.concat(err).toString()).toBe("done\n");
      expect(await cat.exit()).toMatchObject({ exitCode: 0 });
    });

    it("live on when their caller goes", async () => {
      const left = await sandbox.commands.start("read x; echo got $x > /root/left", { stdin: true });
      left.disconnect();
      const again = await sandbox.commands.connect(left.id);
      await again.write("it\n");
      expect(await again.wait()).toMatchObject({ exitCode: 0 });
      expect(await sandbox.files.readText("/root/left")).toBe("got it\n");
    });
  });

  it("opens terminals that resize and say their exit code", async () => {
    const terminal = await sandbox.pty.create({ rows: 30, cols: 100 });
    await terminal.write("stty size; exit 5\n");
    let seen = "";
    for await (const data of terminal.output) seen += Buffer.from(data).toString();
    expect(seen).toContain("30 100");
    expect(await terminal.exited).toMatchObject({ exitCode: 5 });

    const resized = await sandbox.pty.create({ command: "read _; stty size" });
    resized.resize(11, 22);
    await resized.write("\n");
    seen = "";
    for await (const data of resized.output) seen += Buffer.from(data).toString();
    expect(seen).toContain("11 22");
  });

  describe("files", () => {
    it("are made, read, listed, moved and removed", async () => {
      const bytes = randomBytes(300_000);
      await sandbox.files.write("/root/d/e/f.bin", bytes, { mode: "640" });
      expect(Buffer.from(await sandbox.files.read("/root/d/../d/e/f.bin")).equals(bytes)).toBe(true);
      expect(await sandbox.files.stat("/root/d/e/f.bin")).toMatchObject({
        size: 300_000,
        mode: "-rw-r-----",
        is_dir: false,
      });
      await sandbox.files.write("/root/d/log", "a");
      await sandbox.files.write("/root/d/log", "b", { append: true });
      expect(await sandbox.files.readText("/root/d/log")).toBe("ab");
      await sandbox.files.mkdir("/root/d/new/deep");
      await sandbox.files.move("/root/d/log", "/root/d/new/log");
      expect((await sandbox.files.list("/root/d").toArray()).map(({ name }) => name)).toEqual(["e", "new"]);
      expect((await sandbox.files.list("/root/d", { depth: 2 }).toArray()).map(({ path }) => path)).toEqual([
        "/root/d/e",
        "/root/d/e/f.bin",
        "/root/d/new",
        "/root/d/new/deep",
        "/root/d/new/log",
      ]);
      await expect(sandbox.files.remove("/root/d")).rejects.toMatchObject({ code: "file.directory_not_empty" });
      await sandbox.files.remove("/root/d", { recursive: true });
      expect(await sandbox.files.exists("/root/d")).toBe(false);
    });

    it("stream both ways at any length", async () => {
      const [pieces, pieceBytes] = [64, 1_000_000];
      const sent = createHash("sha256");
      let left = pieces;
      const source = new ReadableStream<Uint8Array>({
        pull(controller) {
          if (left-- === 0) return controller.close();
          const piece = randomBytes(pieceBytes);
          sent.update(piece);
          controller.enqueue(piece);
        },
      });
      await sandbox.files.write("/root/big", source);
      const received = createHash("sha256");
      let size = 0;
      for await (const chunk of await sandbox.files.readStream("/root/big")) {
        received.update(chunk);
        size += chunk.length;
      }
      expect(size).toBe(pieces * pieceBytes);
      const want = sent.digest("hex");
      expect(received.digest("hex")).toBe(want);
      expect((await sandbox.commands.run("sha256sum < /root/big")).stdout).toBe(`${want}  -\n`);
      await sandbox.files.remove("/root/big");
    });

    it("tell what changes", async () => {
      await sandbox.files.mkdir("/root/watched");
      const stop = new AbortController();
      const changes = await sandbox.files.watch("/root/watched", { recursive: true, signal: stop.signal });
      await sandbox.commands.run("mkdir /root/watched/in; echo x > /root/watched/in/file");
      const paths = new Set<string>();
      for await (const change of changes) {
        if (change.kind !== "overflow") paths.add(change.path);
        if (paths.has("/root/watched/in/file")) break;
      }
      stop.abort();
      expect(paths).toContain("/root/watched/in");
    });
  });

  it("snapshots, forks, promotes", async () => {
    await sandbox.files.write("/dev/shm/memory", "kept");
    const snapshot = await sandbox.snapshots.create();
    expect((await sandbox.snapshots.list().toArray()).map(({ id }) => id)).toEqual([snapshot.id]);
    expect(await panda.snapshots.get(snapshot.id)).toMatchObject({ sandbox_id: sandbox.id });
    const copy = await panda.sandboxes.create({ fromSnapshot: snapshot.id });
    removeAfterTest(copy.id);
    expect(await copy.files.readText("/dev/shm/memory")).toBe("kept");
    await panda.snapshots.delete(snapshot.id);

    const child = await sandbox.fork({ metadata: { n: "1" }, env: { CHILD: "yes" }, ttlSeconds: 60 });
    removeAfterTest(child.id);
    expect(child.info).toMatchObject({ status: "running", metadata: { n: "1" }, ttl_seconds: 60 });
    expect((await child.commands.run("echo $CHILD $FROM_CREATE; cat /dev/shm/memory")).stdout).toBe("yes yes\nkept");
    const children = await sandbox.forkTree({ count: 2 });
    for (const each of children) removeAfterTest(each.id);
    expect(await children[1]!.promote({ cleanupSiblings: true })).toMatchObject({
      winner: children[1]!.id,
      deleted: [children[0]!.id],
    });
  });

  it("pauses, hibernates, wakes and tells its lifecycle", async () => {
    await sandbox.pause();
    expect(sandbox.status).toBe("paused");
    const refused: PandaStackError = await sandbox.commands.run("true").then(
      () => expect.fail("it is paused"),
      (error) => error,
    );
    expect(refused).toBeInstanceOf(ConflictError);
    expect(refused).toMatchObject({ code: "sandbox.invalid_state", retryable: false, requestId: expect.any(String) });
    await sandbox.resume();
    await sandbox.hibernate();
    expect(await sandbox.refresh()).toMatchObject({ status: "hibernated" });
    await sandbox.wake();
    expect(await sandbox.files.readText("/dev/shm/memory")).toBe("kept");
    expect(await sandbox.setLifecycle({ ttlSeconds: 700, persistent: true })).toMatchObject({
      ttl_seconds: 700,
      persistent: true,
    });
    expect(await sandbox.lifecycle()).toMatchObject({ ttl_seconds: 700 });
  });

  it("reads what was written to the console, each time anew", async () => {
    await using sandbox = await panda.sandboxes.create();
    await sandbox.commands.run("echo from the console > /dev/console");
    const isThere = async () => {
      for await (const line of sandbox.logs({ tail: 5 })) if (line.includes("from the console")) return true;
      return false;
    };
    await expect.poll(isThere, { timeout: 20_000 }).toBe(true);
    expect(await isThere()).toBe(true);
  });

  it("follows the console", async () => {
    await using sandbox = await panda.sandboxes.create();
    const seen = (async () => {
      for await (const line of sandbox.logs({ follow: true })) if (line.includes("said later")) return line.trim();
      return "it ended";
    })();
    await sandbox.commands.run("echo said later > /dev/console");
    expect(await seen).toBe("said later");
  });

  it("kills, and disposes", async () => {
    let id = "";
    {
      await using short = await panda.sandboxes.create();
      id = short.id;
    }
    await expect(panda.sandboxes.get(id)).rejects.toBeInstanceOf(NotFoundError);
  });
});
