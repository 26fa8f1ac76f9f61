import { afterAll, beforeAll, describe, onTestFinished, test } from "vitest";
import type { Box } from "./box.ts";
import type { Case } from "./case.ts";
import { allCases } from "./cases/index.ts";
import { expectNothingLeft, lookOver, lookThrough, type Inventory } from "./leftovers.ts";
import { ORIGINS, type Origin, type Target } from "./target.ts";
import { Tally } from "./tally.ts";
import { World } from "./world.ts";

export interface RuntimeOptions {
  /** Cases that this runtime can't pass, each with the reason. A name that no case has is an error. */
  readonly skip?: readonly { readonly case: string; readonly reason: string }[];
  /** Of which areas and origins cases are run, where another run of the same runtime has the rest. Absent: all. */
  readonly areas?: ReadonlySet<string>;
  readonly origins?: readonly Origin[];
  /** Why nothing can run here at all. Everything is then reported as not run. */
  readonly unavailable?: string | undefined;
}

const START_TIMEOUT_MS = 300_000;
const END_TIMEOUT_MS = 120_000;

/** Runs every case on a fresh, a restored and a forked sandbox of the host that `makeHost` opens. */
export function describeRuntime(name: string, makeHost: () => Promise<Target>, options: RuntimeOptions = {}): void {
  const tally = new Tally(name);
  const skipped = new Map((options.skip ?? []).map((entry) => [entry.case, entry.reason]));
  for (const title of skipped.keys()) {
    if (!allCases.some((one) => one.name === title)) throw new Error(`skip names a case that does not exist: ${title}`);
  }

  describe(`conformance: ${name}`, () => {
    let target: Target;
    let world: World;
    let before: Inventory;
    let isOpen = false;
    const close = async (): Promise<void> => {
      isOpen = false;
      await world.dismiss();
      await target.close();
    };

    if (options.unavailable === undefined) {
      beforeAll(async () => {
        before = lookThrough({ folders: [], vmmMark: undefined });
        target = await makeHost();
        isOpen = true;
        world = new World(target);
        await world.prepare();
        tally.opened();
      }, START_TIMEOUT_MS);
    }

    afterAll(async () => {
      tally.print();
      // The case that closes it and looks at what is left was not chosen.
      if (isOpen) await close();
    }, END_TIMEOUT_MS);

    const isWanted = (one: Case): boolean => options.areas?.has(one.area) !== false;
    for (const origin of options.origins ?? ORIGINS) {
      describe(origin, () => {
        let shared: Box | undefined;
        const sharedBox = async (): Promise<Box> => {
          if (shared !== undefined && world.isDead(shared)) {
            await world.delete(shared.id);
            shared = undefined;
          }
          shared ??= world.keep(await world.make(origin, { SUITE: "conformance" }));
          return shared;
        };
        for (const one of allCases.filter((each) => isWanted(each) && each.origins.includes(origin))) {
          const title = `${one.area}: ${one.name}`;
          const reason = options.unavailable ?? skipped.get(one.name);
          if (reason !== undefined) {
            tally.notRun(`${origin}: ${title}`, reason);
            test.skip(`${title} (not run: ${reason})`);
            continue;
          }
          tally.declare();
          test(title, { timeout: one.timeoutMs }, async () => {
            onTestFinished(({ task }) => tally.ran(`${origin}: ${title}`, task.result?.state === "pass"));
            if (one.sandbox === "shared") await one.run({ world, origin, box: await sharedBox() });
            else await runAlone(one, world, origin);
          });
        }
        afterAll(async () => {
          if (shared !== undefined) await world.delete(shared.id);
        }, END_TIMEOUT_MS);
      });
    }

    describe("afterwards", () => {
      const afterwards = (title: string, run: () => Promise<void>): void => {
        if (options.unavailable !== undefined) {
          tally.notRun(title, options.unavailable);
          test.skip(`${title} (not run: ${options.unavailable})`);
          return;
        }
        tally.declare();
        test(title, { timeout: END_TIMEOUT_MS }, async () => {
          onTestFinished(({ task }) => tally.ran(title, task.result?.state === "pass"));
          await run();
        });
      };
      afterwards("no machine has died that no case had killed", async () => {
        const deaths = world.unexplainedDeaths();
        if (deaths.length > 0)
          throw new Error(`machines died by themselves, or by someone else's hand: ${deaths.join(", ")}`);
      });
      afterwards("nothing is left on the host when the agent has closed", async () => {
        await close();
        await expectNothingLeft(
          { before, look: () => lookThrough(target), marks: target.marks },
          "a closed host agent",
        );
      });
    });
  });
}

async function runAlone(one: Case, world: World, origin: Origin): Promise<void> {
  const look = (): Inventory => lookOver(world.target);
  await world.target.stocked?.();
  const before = look();
  try {
    await one.run({ world, origin, box: await world.make(origin) });
  } finally {
    await world.tidy();
  }
  await expectNothingLeft({ before, look, marks: [] }, `the case "${one.name}"`);
}
