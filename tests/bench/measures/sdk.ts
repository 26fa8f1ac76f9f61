import { PandaStack } from "@pandastack/sdk";
import type { MakeMeasure } from "../measure.ts";
import { median } from "../stats.ts";

/** The same look at a sandbox, bare and through the SDK, in turns: what the SDK adds to it. */
export const sdk: MakeMeasure = ({ client, quick }) => {
  const { baseUrl, apiKey } = client.access;
  const panda = new PandaStack({ baseUrl, apiKey });
  const turns = quick ? 20 : 50;
  const samples: number[] = [];
  let id = "";

  const timed = async (call: () => Promise<unknown>): Promise<number> => {
    const began = performance.now();
    await call();
    return performance.now() - began;
  };
  const bare = async () => {
    const response = await fetch(`${baseUrl}/v1/sandboxes/${id}`, { headers: { authorization: `Bearer ${apiKey}` } });
    await response.json();
  };
  return {
    rounds: quick ? 4 : 20,
    async prepare() {
      id = (await client.create()).id;
    },
    async round(isCounted) {
      const [without, through]: [number[], number[]] = [[], []];
      for (let turn = 0; turn < turns; turn++) {
        without.push(await timed(bare));
        through.push(await timed(() => panda.sandboxes.get(id)));
      }
      if (isCounted) samples.push(median(through) - median(without));
    },
    async finish() {
      await client.remove(id);
    },
    rows: () => [{ name: "a call of the SDK beyond a bare fetch", unit: "ms", target: { atMost: 3 }, samples }],
  };
};
