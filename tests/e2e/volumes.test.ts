import { afterEach, expect, it } from "vitest";
import { panda } from "./support/api.ts";

const undo: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).toReversed()) await step().catch(() => {});
});

it("a volume goes from sandbox to sandbox, sleeps with one, grows, and is cloned", async () => {
  const name = `data-${Date.now()}`;
  const volume = await panda.volumes.create(name, { sizeMb: 16 });
  undo.push(() => volume.delete());
  const first = await panda.sandboxes.create({ volumes: [{ name }] });
  undo.push(() => first.kill());
  await first.files.write(`/mnt/${name}/kept`, "for the next one");
  await expect(panda.sandboxes.create({ volumes: [{ name }] })).rejects.toMatchObject({ code: "volume.in_use" });
  await expect(volume.delete()).rejects.toMatchObject({ code: "volume.in_use" });
  await first.hibernate();
  await volume.grow(64);
  expect(await first.files.readText(`/mnt/${name}/kept`)).toBe("for the next one");
  const clone = await volume.clone(`${name}-clone`);
  undo.push(() => clone.delete());
  await first.kill();

  const volumes = [
    { name, readOnly: true },
    { name: clone.name, path: "/srv/own" },
  ];
  const second = await panda.sandboxes.create({ volumes });
  undo.push(() => second.kill());
  const said = await second.commands.run(`cat /mnt/${name}/kept && echo changed > /srv/own/kept && cat /srv/own/kept`);
  expect(said.stdout).toBe("for the next onechanged\n");
  expect((await volume.refresh()).attached_to).toMatchObject([{ sandbox_id: second.id, read_only: true }]);
});
