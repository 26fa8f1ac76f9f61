import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dockerArchiveOf, imageOf, layoutOf, type TestImage } from "../../packages/host-agent/tests/imports/images.ts";
import { tarOf } from "../../packages/host-agent/tests/imports/make.ts";
import { RegistryServer } from "../../packages/host-agent/tests/imports/registry-server.ts";
import { panda, run, server } from "./support/api.ts";
import { smallRootArchive } from "./support/small-root.ts";

const BUILD_TIMEOUT_MS = 240_000;
const ONLY = { username: "me", password: "secret" };

describe.skipIf(server.isFake || server.imageRegistry === null)("an image", () => {
  let folder: string;
  let image: TestImage;
  let registry: RegistryServer;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "own-images-"));
    const base = smallRootArchive([
      { path: "srv/gone" },
      { path: "srv/app/", mode: 0o777 },
      { path: "etc/passwd", text: "app:x:5:5::/srv:/bin/sh\n" },
    ]);
    const second = tarOf([{ path: "srv/.wh.gone" }, { path: "srv/kept", text: "kept\n" }]);
    image = imageOf([base, second], {
      Env: ["GREETING=hello", "PATH=/usr/bin"],
      User: "app",
      WorkingDir: "/srv/app",
      ExposedPorts: { "8080/tcp": {} },
      Entrypoint: ["/bin/sh", "-c"],
      Cmd: ['echo "$GREETING $PWD" > begun; exec sleep 100000'],
    });
    registry = await new RegistryServer({ port: Number(server.imageRegistry!.split(":")[1]), only: ONLY }).start();
    registry.push("team/app", "v1", image);
    registry.push("team/tool", "v1", imageOf([tarOf([{ path: "tool", text: "a tool\n", mode: 0o755 }])]));
  });
  afterAll(async () => {
    await registry.stop();
    rmSync(folder, { recursive: true });
  });

  it(
    "out of a layout's folder starts its program as its user, in its folder",
    { timeout: BUILD_TIMEOUT_MS },
    async () => {
      for (const [name, bytes] of layoutOf(image)) {
        mkdirSync(join(folder, "layout", dirname(name)), { recursive: true });
        writeFileSync(join(folder, "layout", name), bytes);
      }
      await (await panda.templates.buildImage("own-layout", { path: join(folder, "layout") })).done();
      await using sandbox = await panda.sandboxes.create({ template: "own-layout" });
      expect(
        (await run(sandbox.id, "cat /srv/app/begun /srv/kept; ls /srv; echo $GREETING; ls -l /srv/app/begun")).stdout,
      ).toMatch(/^hello \/srv\/app\nkept\napp\nkept\nhello\n.* app \S+ .*begun\n$/);
      expect(
        (await sandbox.commands.list().toArray()).some(({ tag, running }) => tag === "template-start" && running),
      ).toBe(true);
      expect(await panda.templates.get("own-layout")).toMatchObject({
        base: "layout",
        ports: ["8080/tcp"],
        status: "ready",
      });
      // The same again, as `docker save` writes it, is another file and another build.
      writeFileSync(join(folder, "saved.tar"), dockerArchiveOf(image));
      const again = await panda.templates.buildImage("own-layout", { path: join(folder, "layout") });
      expect(again.info.status).toBe("done");
      await expect(panda.templates.buildImage("own-layout", { path: join(folder, "saved.tar") })).rejects.toMatchObject(
        {
          code: "template.exists",
        },
      );
      await panda.templates.delete("own-layout");
    },
  );

  it("of a registry is what a Dockerfile begins with, and copies from", { timeout: BUILD_TIMEOUT_MS }, async () => {
    const dockerfile = [
      `FROM ${registry.host}/team/app:v1`,
      "USER root",
      // Without a registry: the server's default one.
      "COPY --from=team/tool:v1 /tool /usr/bin/",
      "RUN echo $GREETING from a step > said",
      'CMD ["exec sleep 100000"]',
    ].join("\n");
    await expect(panda.templates.buildDockerfile("own-from", dockerfile)).rejects.toMatchObject({
      code: "template.bad_image",
    });
    const build = await panda.templates.buildDockerfile("own-from", dockerfile, { credentials: ONLY });
    await build.done();
    await using sandbox = await panda.sandboxes.create({ template: "own-from" });
    expect((await run(sandbox.id, "cat /srv/app/said /usr/bin/tool; ls -l /usr/bin/tool")).stdout).toMatch(
      /^hello from a step\na tool\n-rwxr-xr-x 1 (root root|0 0) /,
    );
    await panda.templates.delete("own-from");
  });

  it.each([
    ["that is not there", () => `${registry.host}/team/none:v1`, /there is no image .*team\/none/],
    [
      "of a private network that nobody opened",
      () => "10.0.0.1/app:v1",
      /10\.0\.0\.1\/app:v1: https:\/\/10\.0\.0\.1 is not asked/,
    ],
    ["of the cloud's metadata", () => "169.254.169.254/app:v1", /is not asked: it is in a private network/],
  ])("%s is refused", async (_, from, error) => {
    const build = panda.templates.buildDockerfile("own-bad", `FROM ${from()}`, { credentials: ONLY });
    await expect(build).rejects.toMatchObject({ code: "template.bad_image", message: expect.stringMatching(error) });
    await expect(panda.templates.buildImage("own-bad", from(), { credentials: ONLY })).rejects.toThrow(error);
  });
});
