import { expect, it } from "vitest";
import { api, type Answer } from "./support/api.ts";

const CREATES = 200;
/** Clients give up then. */
const CLIENT_PATIENCE_MS = 30_000;

interface Outcome {
  readonly create: Answer;
  readonly ms: number;
  /** What a command said in it. */
  readonly said: string | undefined;
}

/** Makes a sandbox, uses it and removes it: two hundred at a time are more than this machine has memory for. */
async function createAndUse(index: number): Promise<Outcome> {
  const begun = performance.now();
  const create = await api("POST", "/v1/sandboxes", { json: { metadata: { index: String(index) } } });
  const ms = performance.now() - begun;
  if (create.status !== 201) return { create, ms, said: undefined };
  const path = `/v1/sandboxes/${create.json.id}`;
  const used = await api("POST", `${path}/exec`, { json: { cmd: `echo ${index}` } });
  await api("DELETE", path);
  return { create, ms, said: used.json?.stdout ?? used.text };
}

it("200 creates at once: each is served and usable, or told to come again, and before a client gives up", async () => {
  const outcomes = await Promise.all(Array.from({ length: CREATES }, (_, index) => createAndUse(index)));
  const counts: Record<number, number> = {};
  for (const [index, { create, ms, said }] of outcomes.entries()) {
    counts[create.status] = (counts[create.status] ?? 0) + 1;
    expect([201, 429, 507], create.text).toContain(create.status);
    expect(ms, `create ${index}: ${create.status}`).toBeLessThan(CLIENT_PATIENCE_MS);
    if (create.status === 201) expect(said).toBe(`${index}\n`);
    if (create.status === 429) expect(Number(create.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
  }
  console.log(`${CREATES} creates at once: ${JSON.stringify(counts)}`);
  expect(counts[201] ?? 0).toBeGreaterThan(10);
  const left = (await api("GET", "/v1/sandboxes")).json as { metadata: Record<string, string> }[];
  expect(left.filter(({ metadata }) => metadata["index"] !== undefined)).toEqual([]);
}, 240_000);
