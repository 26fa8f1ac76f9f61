import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { BuildWorld } from "./support/build-world.ts";

/** A build waits for its machine to come to rest. */
vi.setConfig({ testTimeout: 180_000 });

const world = new BuildWorld();
beforeAll(() => world.open());
afterAll(() => world.close());

test("what a database that is full for a moment does not take of a log is written later, and the build goes on", async () => {
  await world.query(`
    create sequence tries;
    create function refuse_first() returns trigger language plpgsql as $$ begin
      if nextval('tries') = 1 then raise disk_full; end if;
      return null;
    end $$;
    create trigger refuse_first before insert on template_build_logs execute function refuse_first()`);
  const build = await world.build({ name: "logged", dockerfile: "FROM base\nRUN echo one\nRUN echo two" });
  expect(build).toMatchObject({ status: "done" });
  const said = (await world.log(build.id)).filter((line) => ["one", "two", "done"].includes(line));
  expect(said).toEqual(["one", "two", "done"]);
});
