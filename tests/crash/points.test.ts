import { crashPoints, type CrashPoint } from "@pandastack/platform";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Model } from "./support/model.ts";
import { Random } from "./support/random.ts";
import { playRound } from "./support/round.ts";
import { crashRuntimes, expectRuntime } from "./support/runtimes.ts";
import { CrashServer, type CrashRuntime } from "./support/server.ts";
import { wayToPoint, type Way } from "./support/ways.ts";

const chosen = process.env["PANDASTACK_CRASH_POINTS"] ?? "";
const isChosen = (point: CrashPoint): boolean =>
  chosen === "all" || chosen.split(",").some((part) => part !== "" && point.startsWith(part));
const pointsOn = (runtime: CrashRuntime): CrashPoint[] =>
  crashPoints.filter(
    (point) => !["templates", "build", "never"].includes(wayToPoint(point, runtime)) && isChosen(point),
  );

/** kill -9 at each named place in turn, once with a client that goes on asking and once with one that gives up. */
describe.for(crashRuntimes)("on %s, a crash at", (runtime) => {
  const points = pointsOn(runtime);
  if (points.length === 0) {
    it.skip("(not run: PANDASTACK_CRASH_POINTS names none)", () => {});
    return;
  }
  let model: Model;
  beforeAll(async () => {
    model = new Model(await CrashServer.start(runtime));
    await expectRuntime(model.server);
  });
  afterAll(async () => {
    expect(await model?.server.stop()).toEqual([]);
  });

  for (const [index, point] of points.entries()) {
    // Every second client gives up at the first fault; the others go on asking. Both have to be right at each of them: the
    // random rounds mix them.
    const repeats = index % 2 === 0;
    it(`${point}, ${repeats ? "and the client goes on asking" : "and the client gives up"}`, async () => {
      const context = { model, random: new Random(index, 0), repeats };
      const way = wayToPoint(point, runtime) as Exclude<Way, "templates" | "build">;
      await playRound(context, way, { kind: "point", point, times: 1, mustBeReached: true }).catch((error: unknown) => {
        throw new Error(`${String(error)}\n${model.server.logs()}`, { cause: error });
      });
    });
  }
});
