import { AuthError, InvalidRequestError, NotFoundError, type Sandbox } from "@pandastack/sdk";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { startFakeServer, type FakeServer } from "./support/fake-server.ts";

/** What the SDK makes of several calls, and what a call of it costs. */
let server: FakeServer;
beforeAll(async () => (server = await startFakeServer()));
afterAll(() => server.stop());

async function newSandbox(): Promise<Sandbox> {
  const sandbox = await server.panda.sandboxes.create({ ttlSeconds: 600 });
  onTestFinished(() => sandbox.kill().catch(() => undefined));
  return sandbox;
}
const alive = async () => (await server.panda.sandboxes.list().toArray()).map(({ id }) => id);

describe("explore", () => {
  test("the best of commands, functions and failures stays, the others go", async () => {
    const base = await newSandbox();
    await base.files.write("/root/state", "base");
    const before = await alive();
    const { winner, outcomes } = await base.explore(
      [
        "echo 10 > /root/answer",
        { label: "by environment", command: "echo $N > /root/answer", env: { N: "30" } },
        async (copy) => copy.commands.run("echo 20 > /root/answer"),
        "exit 1",
      ],
      async ({ result, sandbox }) =>
        result?.exitCode === 0 ? Number(await sandbox.files.readText("/root/answer")) : Number.NaN,
    );
    expect(outcomes.map(({ score }) => score)).toEqual([10, 30, 20, undefined]);
    expect(outcomes.map(({ label }) => label)[1]).toBe("by environment");
    expect(winner!.id).toBe(outcomes[1]!.sandbox.id);
    expect(await winner!.files.readText("/root/state")).toBe("base");
    expect((await alive()).filter((id) => !before.includes(id))).toEqual([winner!.id]);
    await winner!.kill();
  });

  test("one that takes longer than a candidate may has failed, and the others go on", async () => {
    const base = await newSandbox();
    const before = await alive();
    // The other is not a command, and has no limit: on a busy machine none is short enough for one and long enough for another.
    const { winner, outcomes } = await base.explore(
      ["sleep 60", async (copy) => copy.commands.run("true")],
      undefined,
      {
        candidateTimeoutMs: 500,
      },
    );
    expect(outcomes[0]!.error).toMatchObject({ code: "exec.timeout" });
    expect(winner!.id).toBe(outcomes[1]!.sandbox.id);
    await winner!.kill();
    expect(await alive()).toEqual(before);
  });

  test("without a score the first success; without a success, or where the score fails, nothing is left", async () => {
    const base = await newSandbox();
    const before = await alive();
    const { winner } = await base.explore(["exit 1", "true"]);
    await winner!.kill();
    expect((await base.explore(["exit 1", "exit 2"])).winner).toBeUndefined();
    const broken = base.explore(["true", "true"], () => {
      throw new RangeError("mine");
    });
    await expect(broken).rejects.toThrow("mine");
    await expect(base.explore([])).rejects.toBeInstanceOf(InvalidRequestError);
    expect(await alive()).toEqual(before);
  });
});

describe("search", () => {
  test("lines and files, where they are, and what is wrong", async () => {
    const { files, search } = await newSandbox();
    await files.write("/root/src/a.ts", "alpha\nbeta TODO\n");
    await files.write("/root/src/deep/b.ts", "todo\nTODO again\n");
    await files.write("/root/src/c.py", "TODO\n");
    expect(await search.grep("TODO", { glob: "src/**/*.ts" })).toMatchObject({
      engine: "grep",
      isTruncated: false,
      matches: [
        { path: "/root/src/a.ts", line: 2, text: "beta TODO" },
        { path: "/root/src/deep/b.ts", line: 2, text: "TODO again" },
      ],
    });
    expect(await search.grep("todo", { path: "/root/src", ignoreCase: true, limit: 2 })).toMatchObject({
      isTruncated: true,
      matches: { length: 2 },
    });
    expect(await search.glob("*.ts")).toEqual({ paths: ["/root/src/a.ts", "/root/src/deep/b.ts"], isTruncated: false });
    await expect(search.grep("(")).rejects.toMatchObject({ code: "client.bad_pattern" });
    expect((await search.grep("(", { isFixed: true })).matches).toEqual([]);
    await expect(search.glob("*", { path: "/none" })).rejects.toBeInstanceOf(NotFoundError);
  });
});

test("git where there is none says so", async () => {
  const { git } = await newSandbox();
  await expect(git.status()).rejects.toMatchObject({ code: "client.git_missing", hint: expect.any(String) });
});

describe("what a call costs", () => {
  test("1,000 commands at once through one client, and memory as before", async () => {
    const sandbox = await newSandbox();
    const round = async (count: number) => {
      const results = await Promise.all(
        Array.from({ length: count }, (_, index) => sandbox.commands.run(`echo ${index}`)),
      );
      expect(results.map(({ stdout }) => Number(stdout))).toEqual(results.map((_, index) => index));
    };
    await round(100);
    const before = process.memoryUsage().heapUsed;
    await round(1000);
    // What the garbage collector has not looked at yet is no growth; what a thousand calls kept would be.
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(100_000_000);
  });

  test("at most 3 ms more than the bare request", async () => {
    const { id } = await newSandbox();
    const headers = { authorization: `Bearer ${server.token}` };
    const bare = async () => void (await (await fetch(`${server.url}/v1/sandboxes/${id}`, { headers })).json());
    const ours = async () => void (await server.panda.sandboxes.get(id));
    const timed = async (call: () => Promise<void>) => {
      const begun = performance.now();
      await call();
      return performance.now() - begun;
    };
    const [bareMs, oursMs]: [number[], number[]] = [[], []];
    for (let round = 0; round < 200; round++) {
      bareMs.push(await timed(bare));
      oursMs.push(await timed(ours));
    }
    const median = (all: number[]) => all.toSorted((a, b) => a - b)[all.length / 2]!;
    expect(median(oursMs) - median(bareMs)).toBeLessThan(3);
  });

  test("a token that is none is an error of that kind", async () => {
    const { PandaStack } = await import("@pandastack/sdk");
    const stranger = new PandaStack({ baseUrl: server.url, apiKey: "pds_none" });
    await expect(stranger.sandboxes.list().toArray()).rejects.toBeInstanceOf(AuthError);
  });
});
