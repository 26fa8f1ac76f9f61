import { randomInt } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { crashPoints } from "@pandastack/platform";
import { deeds, type DeedName } from "./support/deeds.ts";
import { Model } from "./support/model.ts";
import { Random } from "./support/random.ts";
import { playRound, type Fault } from "./support/round.ts";
import { crashRuntimes, expectRuntime } from "./support/runtimes.ts";
import { CrashServer, parts, type CrashRuntime } from "./support/server.ts";
import { wayToPoint } from "./support/ways.ts";

/** In `npm test`; `npm run test:crash` sets 300 for each. */
const DEFAULT_ROUNDS: Record<string, number> = { microvm: 25, gvisor: 12 };
/** Longer than most operations take: a kill comes before, in the middle of, and after them. */
const LATEST_KILL_MS = 500;

const seed = Number(process.env["PANDASTACK_CRASH_SEED"] ?? randomInt(2 ** 31));

describe.each(crashRuntimes)(`random crashes on %s, PANDASTACK_CRASH_SEED=${seed}`, (runtime) => {
  const rounds = Number(process.env["PANDASTACK_CRASH_ROUNDS"] ?? DEFAULT_ROUNDS[runtime]);
  let model: Model;
  let hasFailed = false;
  beforeAll(async () => {
    process.stderr.write(`crash rounds on ${runtime}: PANDASTACK_CRASH_SEED=${seed}\n`);
    model = new Model(await CrashServer.start(runtime));
    await expectRuntime(model.server);
  });
  afterAll(async () => {
    const left = await model?.server.stop();
    // A failed round has left things as it found them to be wrong.
    if (!hasFailed) expect(left).toEqual([]);
  });

  for (let round = 0; round < rounds; round++) {
    it(`round ${round}`, async (test) => {
      // What comes after a failed round would only fail because of it.
      if (hasFailed) test.skip();
      const random = new Random(seed, round);
      const way = chooseWay(random);
      const fault = chooseFault(random, way, runtime);
      const repeats = random.chance(0.5);
      const what = `${runtime}, seed ${seed}, round ${round}: ${way}, ${JSON.stringify(fault)}, the client ${repeats ? "goes on asking" : "gives up"}`;
      await playRound({ model, random, repeats }, way, fault).catch((error: unknown) => {
        hasFailed = true;
        throw new Error(`${what}\n${String(error)}\n${model.server.logs()}`, { cause: error });
      });
    });
  }
});

type RandomWay = DeedName | "death";

function chooseWay(random: Random): RandomWay {
  return random.chance(0.05) ? "death" : random.pick(Object.keys(deeds) as DeedName[]);
}

/** A named point on the way where there are any, or any process at any moment; rarely all of them. */
function chooseFault(random: Random, way: RandomWay, runtime: CrashRuntime): Fault {
  const points = crashPoints.filter((point) => wayToPoint(point, runtime) === way);
  if (points.length > 0 && random.chance(0.6))
    return { kind: "point", point: random.pick(points), times: 1 + random.below(2), mustBeReached: false };
  const afterMs = random.below(LATEST_KILL_MS);
  if (random.chance(0.1)) return { kind: "kill", what: "everything", afterMs };
  if (way !== "death" && random.chance(0.3)) return { kind: "kill machine", afterMs };
  if (way !== "death" && runtime === "gvisor" && random.chance(0.3)) return { kind: "kill command", afterMs };
  return { kind: "kill", what: random.pick(parts), afterMs };
}
