import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { limitsWith, startTestServer, type TestServer } from "./support/server.ts";

let server: TestServer;
beforeAll(async () => (server = await startTestServer()));
afterAll(() => server.stop());

async function create(body: unknown = {}): Promise<string> {
  return (await server.api("POST", "/v1/sandboxes", body)).body.id as string;
}

describe("snapshots", () => {
  test("create, list, get, start from, delete", async () => {
    const id = await create({ env: { A: "1" } });
    await server.api("PUT", `/v1/sandboxes/${id}/fs?path=/data`, "kept");
    const snapshot = await server.api("POST", `/v1/sandboxes/${id}/snapshots`, undefined, {
      headers: { "content-type": "text/plain;charset=UTF-8", "content-length": "0" },
    });
    expect(snapshot).toMatchObject({
      status: 201,
      body: {
        sandbox_id: id,
        template: "base",
        size_bytes: 4096,
        unique_bytes: 1024,
        parent_snapshot_id: null,
        parent_sandbox_id: null,
        mem_path: expect.any(String),
        state_path: expect.any(String),
      },
    });
    const snapshotId = snapshot.body.id;
    expect(snapshotId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect((await server.api("GET", "/v1/snapshots")).body.snapshots.map((one: { id: string }) => one.id)).toContain(
      snapshotId,
    );
    expect((await server.api("GET", `/v1/snapshots?sandbox_id=${id}`)).body.snapshots).toHaveLength(1);
    expect((await server.api("GET", "/v1/snapshots?sandbox_id=other")).body.snapshots).toEqual([]);
    expect((await server.api("GET", `/v1/snapshots/${snapshotId}`)).body).toMatchObject({
      id: snapshotId,
      workspace: "default",
    });

    const child = await server.api("POST", "/v1/sandboxes", {
      template: "code-interpreter",
      from_snapshot: snapshotId,
    });
    expect(child).toMatchObject({ status: 201, body: { template: "base", from_snapshot: snapshotId } });
    expect((await server.api("GET", `/v1/sandboxes/${child.body.id}/fs?path=/data`)).body).toBe("kept");

    // The tree that a client draws: from the snapshot to its sandbox, to that one's fork, to their snapshots.
    const fork = await server.api("POST", `/v1/sandboxes/${child.body.id}/fork`);
    const second = await server.api("POST", `/v1/sandboxes/${child.body.id}/snapshots`);
    expect(second.body).toMatchObject({ parent_snapshot_id: snapshotId, parent_sandbox_id: null, unique_bytes: 1024 });
    const third = await server.api("POST", `/v1/sandboxes/${fork.body.id}/snapshots`);
    expect(third.body).toMatchObject({ parent_snapshot_id: null, parent_sandbox_id: child.body.id });
    const listed = (await server.api("GET", "/v1/snapshots")).body.snapshots;
    for (const { body } of [second, third]) expect(listed).toContainEqual(body);

    expect(await server.api("DELETE", `/v1/snapshots/${snapshotId}`)).toMatchObject({
      status: 200,
      body: { deleted: snapshotId },
    });
    expect((await server.api("DELETE", `/v1/snapshots/${snapshotId}`)).status).toBe(200);
    expect((await server.api("GET", `/v1/snapshots/${snapshotId}`)).status).toBe(404);
    // What came of it still says so.
    expect((await server.api("GET", `/v1/snapshots/${second.body.id}`)).body.parent_snapshot_id).toBe(snapshotId);
    expect((await server.api("DELETE", "/v1/snapshots/nope")).status).toBe(404);
    expect(await server.api("POST", "/v1/sandboxes", { from_snapshot: snapshotId })).toMatchObject({
      status: 404,
      body: { code: "snapshot.not_found" },
    });
  });

  test("a snapshot of a paused sandbox leaves it paused; a refused one leaves nothing", async () => {
    const id = await create();
    await server.api("POST", `/v1/sandboxes/${id}/pause`);
    expect((await server.api("POST", `/v1/sandboxes/${id}/snapshots`)).status).toBe(201);
    expect((await server.api("GET", `/v1/sandboxes/${id}`)).body.status).toBe("paused");
    const before = (await server.api("GET", "/v1/snapshots")).body.snapshots.length;
    server.host.script("createSnapshot", { refuse: "capacity.insufficient_storage" });
    expect(await server.api("POST", `/v1/sandboxes/${id}/snapshots`)).toMatchObject({ status: 507 });
    expect((await server.api("GET", "/v1/snapshots")).body.snapshots.length).toBe(before);
  });
});

describe("fork", () => {
  test("without a body: one child, under every name that clients look for", async () => {
    const id = await create({ ttl_seconds: 77, metadata: { own: "parent's" } });
    const fork = await server.api("POST", `/v1/sandboxes/${id}/fork`, undefined, {
      headers: { "content-type": "text/plain;charset=UTF-8" },
    });
    expect(fork.status).toBe(201);
    expect(fork.body).toMatchObject({
      parent_id: id,
      snapshot_id: null,
      at: expect.any(String),
      status: "running",
      boot_mode: "fork",
      ttl_seconds: 77,
      metadata: { forked_from: id },
    });
    expect(fork.body.sandbox.id).toBe(fork.body.id);
    expect(fork.body.children[0].id).toBe(fork.body.id);
    expect(fork.body.paused_ms).toBe(12.5);
    expect(fork.body.id).not.toBe(id);
  });

  test("honours metadata, persistent, ttl, env and count; accepts mode and warm", async () => {
    const id = await create({ env: { A: "parent", B: "parent" } });
    const fork = await server.api("POST", `/v1/sandboxes/${id}/fork?warm=1`, {
      count: 3,
      mode: "warm",
      metadata: { k: "v", fork_tree_id: "no" },
      persistent: true,
      ttl_seconds: 5,
      env: { B: "child" },
    });
    expect(fork.body.children).toHaveLength(3);
    for (const child of fork.body.children)
      expect(child).toMatchObject({
        metadata: { k: "v", forked_from: id },
        persistent: true,
        ttl_seconds: 5,
        expires_at: null,
      });
    expect((await server.api("POST", `/v1/sandboxes/${fork.body.id}/exec`, { cmd: "env A;env B" })).body.stdout).toBe(
      "parent\nchild\n",
    );
  });

  test("a hibernated parent is forked where it lies; a paused one stays paused", async () => {
    const id = await create();
    await server.api("POST", `/v1/sandboxes/${id}/hibernate`);
    expect(await server.api("POST", `/v1/sandboxes/${id}/fork`)).toMatchObject({
      status: 201,
      body: { paused_ms: 0, status: "running" },
    });
    expect((await server.api("GET", `/v1/sandboxes/${id}`)).body.status).toBe("hibernated");
  });

  test("when no child comes to be, the reason is the answer and no row stays", async () => {
    const id = await create();
    const before = (await server.api("GET", "/v1/sandboxes")).body.length;
    expect(await server.api("POST", `/v1/sandboxes/${id}/fork`, { env: { FAIL: "1" } })).toMatchObject({
      status: 507,
      body: { code: "capacity.insufficient_memory" },
    });
    server.host.script("forkSandbox", { refuse: "capacity.unavailable" });
    expect(await server.api("POST", `/v1/sandboxes/${id}/fork`)).toMatchObject({ status: 429 });
    expect((await server.api("GET", "/v1/sandboxes")).body.length).toBe(before);
  });

  test.each([
    { count: 0 },
    { count: 17 },
    { count: 1.5 },
    { mode: "hot" },
    { ttl_seconds: -1 },
    { metadata: { a: 1 } },
  ])("refuses %j", async (body) => {
    const id = await create();
    const field = Object.keys(body)[0]!;
    expect(await server.api("POST", `/v1/sandboxes/${id}/fork`, body)).toMatchObject({
      status: 400,
      body: { error: expect.stringMatching(new RegExp(`^${field}`)) },
    });
  });
});

describe("fork-tree and promote", () => {
  test("children know of each other and come in index order", async () => {
    const id = await create();
    const tree = await server.api("POST", `/v1/sandboxes/${id}/fork-tree`, {
      count: 4,
      metadata: { explore: "1", explore_ttl: "600" },
    });
    expect(tree.status).toBe(201);
    expect(tree.body).toMatchObject({ parent_id: id, snapshot_id: null });
    expect(
      tree.body.children.map((child: { metadata: Record<string, string> }) => child.metadata["fork_index"]),
    ).toEqual(["0", "1", "2", "3"]);
    for (const child of tree.body.children) {
      expect(child).toMatchObject({
        status: "running",
        ttl_seconds: 600,
        metadata: { explore: "1", fork_tree_id: tree.body.tree_id, fork_tree_role: "child", fork_parent_id: id },
      });
    }
  });

  test("the default is two children, with the parent's ttl", async () => {
    const id = await create({ ttl_seconds: 321 });
    const tree = await server.api("POST", `/v1/sandboxes/${id}/fork-tree`);
    expect(tree.body.children.map((child: { ttl_seconds: number }) => child.ttl_seconds)).toEqual([321, 321]);
  });

  test("promote infers the tree, deletes the siblings, and may be repeated", async () => {
    const id = await create();
    const tree = (await server.api("POST", `/v1/sandboxes/${id}/fork-tree`, { count: 3 })).body;
    const [winner, ...losers] = tree.children.map((child: { id: string }) => child.id);
    const promoted = await server.api("POST", `/v1/sandboxes/${winner}/promote`, { cleanup_siblings: true });
    expect(promoted).toMatchObject({ status: 200, body: { winner, tree_id: tree.tree_id, failures: {} } });
    expect(promoted.body.deleted.toSorted()).toEqual(losers.toSorted());
    for (const loser of losers) expect((await server.api("GET", `/v1/sandboxes/${loser}`)).status).toBe(404);
    expect(
      (await server.api("POST", `/v1/sandboxes/${winner}/promote`, { cleanup_siblings: true, tree_id: tree.tree_id }))
        .body,
    ).toMatchObject({ deleted: [], failures: {} });
    expect((await server.api("GET", `/v1/sandboxes/${winner}`)).body.status).toBe("running");
    expect((await server.api("GET", `/v1/sandboxes/${id}`)).body.status).toBe("running");
  });

  test("promote without cleanup needs no tree; with it, a tree that fits", async () => {
    const id = await create();
    expect(await server.api("POST", `/v1/sandboxes/${id}/promote`)).toMatchObject({
      status: 200,
      body: { winner: id, tree_id: null, deleted: [], failures: {} },
    });
    expect(await server.api("POST", `/v1/sandboxes/${id}/promote`, { cleanup_siblings: true })).toMatchObject({
      status: 400,
      body: { error: expect.stringMatching(/^tree_id: /) },
    });
    expect(
      await server.api("POST", `/v1/sandboxes/${id}/promote`, { cleanup_siblings: true, tree_id: "other" }),
    ).toMatchObject({ status: 400 });
  });

  test("what could not be deleted is said, sibling by sibling", async () => {
    const id = await create();
    const tree = (await server.api("POST", `/v1/sandboxes/${id}/fork-tree`, { count: 2 })).body;
    server.host.script("deleteSandbox", { refuse: "sandbox.conflict" });
    const promoted = await server.api("POST", `/v1/sandboxes/${tree.children[0].id}/promote`, {
      cleanup_siblings: true,
    });
    expect(promoted.body).toMatchObject({
      deleted: [],
      failures: { [tree.children[1].id]: "scripted: sandbox.conflict" },
    });
  });

  test("a workspace has a limit", async () => {
    const small = await startTestServer({ limits: limitsWith({ sandboxes: 3 }) });
    try {
      const { body } = await small.api("POST", "/v1/sandboxes");
      expect(await small.api("POST", `/v1/sandboxes/${body.id}/fork`, { count: 3 })).toMatchObject({
        status: 429,
        body: { code: "quota.sandboxes_exceeded" },
      });
      expect((await small.api("POST", `/v1/sandboxes/${body.id}/fork`, { count: 2 })).status).toBe(201);
      expect(await small.api("POST", "/v1/sandboxes")).toMatchObject({ status: 429 });
      await small.api("DELETE", `/v1/sandboxes/${body.id}`);
      expect((await small.api("POST", "/v1/sandboxes")).status).toBe(201);
    } finally {
      await small.stop();
    }
  });
});
