import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { tarOf } from "../../packages/host-agent/tests/imports/make.ts";
import { panda, run, server } from "./support/api.ts";
import { smallRootArchive } from "./support/small-root.ts";

/** Reading it, writing it anew, and booting that, where machines may be emulated. */
const BUILD_TIMEOUT_MS = 240_000;

describe.skipIf(server.isFake)("a root file system of one's own", () => {
  let folder: string;
  beforeAll(() => (folder = mkdtempSync(join(tmpdir(), "own-root-"))));
  afterAll(() => rmSync(folder, { recursive: true }));
  const file = (name: string, bytes: Buffer): string => {
    writeFileSync(join(folder, name), bytes);
    return join(folder, name);
  };

  it("is what sandboxes start from, and with one of them a template again", { timeout: BUILD_TIMEOUT_MS }, async () => {
    const archive = smallRootArchive([{ path: "srv/said", text: "from the archive\n", uid: 7, gid: 8, mode: 0o640 }]);
    await (await panda.templates.buildRootfs("own-root", file("root.tar.gz", gzipSync(archive)))).done();
    const sandbox = await panda.sandboxes.create({ template: "own-root" });
    try {
      expect((await run(sandbox.id, "cat /srv/said; ls -ln /srv/said; id -un")).stdout).toMatch(
        /^from the archive\n-rw-r----- 1 7 8 17 .*\nroot\n$/,
      );
      await sandbox.files.write("/srv/more", "from the sandbox\n");
      await sandbox.bakeImage("own-baked");
    } finally {
      await sandbox.kill();
    }
    await using again = await panda.sandboxes.create({ template: "own-baked" });
    expect((await run(again.id, "cat /srv/said /srv/more")).stdout).toBe("from the archive\nfrom the sandbox\n");
    for (const name of ["own-root", "own-baked"]) await panda.templates.delete(name);
  });

  it.each([
    ["without a shell", gzipSync(tarOf([{ path: "app", mode: 0o755 }])), /there is no \/bin\/sh in it/],
    ["with a way out of it", gzipSync(tarOf([{ path: "../../etc/cron.d/evil" }])), /leads out of its archive/],
    ["that is none", Buffer.from("hello".repeat(1_000)), /no tar archive/],
  ])("%s is refused, and there is no template", async (_, bytes, error) => {
    const build = await panda.templates.buildRootfs("own-bad", file("bad", bytes));
    await expect(build.done()).rejects.toThrow(error);
    await expect(panda.templates.get("own-bad")).rejects.toMatchObject({ code: "template.unknown" });
  });
});
