import { afterAll, beforeAll, expect, test } from "vitest";
import { waitFor } from "@pandastack/platform";
import { ADMIN_TOKEN } from "./support/server.ts";
import { BuildWorld } from "./support/build-world.ts";

const world = new BuildWorld();
beforeAll(() => world.open());
afterAll(() => world.close());

const create = async () => {
  const reply = await fetch(`${world.server.url}/v1/sandboxes`, {
    method: "POST",
    headers: { authorization: `Bearer ${ADMIN_TOKEN}`, "idempotency-key": "changed" },
  });
  return { status: reply.status, body: (await reply.json()) as { id: string } };
};

test("what a request has come to mean since its control plane died leaves nothing that is nobody's", async () => {
  const { id } = (await create()).body;
  // As a control plane leaves it that died after its host had made the sandbox.
  await world.query(`update sandboxes set status = 'creating', owner = gen_random_uuid() where id = '${id}'`);
  await world.query("update idempotency_keys set status = null, reply = null, owner = gen_random_uuid()");
  const { workspace } = (await world.api("GET", "/v1/me")).body;
  const network = { default: { egress: "off" } };
  expect((await world.api("PATCH", `/v1/workspaces/${workspace}/network`, network)).status).toBe(200);
  await create();
  const { host } = world.server.controlPlane.parts;
  await waitFor(
    async () => {
      const listed = new Set(((await world.api("GET", "/v1/sandboxes")).body as { id: string }[]).map((row) => row.id));
      return (await host.sandboxes()).every((sandbox) => listed.has(sandbox.id));
    },
    { timeoutMs: 15_000, message: "the host has one that is nobody's" },
  );
  expect((await create()).status).toBe(201);
}, 60_000);
