import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { BuildWorld } from "./support/build-world.ts";

/** Some build several times; each waits for its machine to come to rest. */
vi.setConfig({ testTimeout: 180_000 });

const world = new BuildWorld();
const { api, post, ended, build, log, run, leftBuilders } = world;
beforeAll(() => world.open());
afterAll(() => world.close());

beforeAll(async () => {
  const dockerfile = "FROM base\nENV GREETING=hello\nRUN mkdir -p /srv/app && echo hello nobody > /srv/app/greeting";
  expect(await build({ name: "mine", dockerfile })).toMatchObject({ status: "done" });
});

describe("stages", () => {
  const dockerfile = [
    "FROM base AS tools",
    "RUN mkdir -p /out/deep && echo one > /out/deep/one && ln -s deep/one /out/link && echo tool > /out/tool",
    "RUN chmod 750 /out/tool && chown user:user /out/tool",
    "FROM base AS unused",
    "RUN false",
    "FROM base",
    "WORKDIR /srv",
    "COPY --from=tools /out/ ./all/",
    "COPY --from=0 --chown=user:user --chmod=700 /out/tool ./mine",
    "COPY --from=tools /out/t*l /out/link /two/",
    "COPY --from=mine /srv/app/greeting /greeting",
  ];

  test("give their files to later ones, as they are or to whom is said; what nobody needs is not built", async () => {
    const made = await build({ name: "staged", dockerfile: dockerfile.join("\n") });
    expect(made, JSON.stringify(await log(made.id))).toMatchObject({ status: "done", steps: 7, cached_steps: 0 });
    const look = "cd /srv; cat all/link all/deep/one mine /two/link /greeting; readlink all/link; ls -l all mine /two";
    const [one, again, tool, two, greeting, link, ...list] = (await run("staged", look)).trimEnd().split("\n");
    expect([one, again, tool, two, greeting, link]).toEqual(["one", "one", "tool", "one", "hello nobody", "deep/one"]);
    const shown = list.map((line) => line.replace(/ 1 (\w+ \w+) .* (\S+)$/, " $1 $2"));
    expect(shown).toEqual(
      expect.arrayContaining(["-rwxr-x--- user user tool", "-rwx------ user user mine", "-rw-r--r-- root root link"]),
    );
    expect(await leftBuilders()).toEqual([]);
  });

  test("are not built again for a step behind them; a change in one counts", async () => {
    const longer = await build({ name: "staged", dockerfile: [...dockerfile, "RUN true"].join("\n"), replace: true });
    expect(longer).toMatchObject({ status: "done", steps: 8, cached_steps: 7 });
    expect((await log(longer.id)).filter((line) => /\[tools\]/.test(line))).toEqual([]);
    const changed = dockerfile.with(1, "RUN mkdir -p /out/deep && echo new > /out/deep/one && echo tool > /out/tool");
    changed.splice(9, 1);
    const other = await build({ name: "staged", dockerfile: changed.join("\n"), replace: true });
    expect(other, JSON.stringify(await log(other.id))).toMatchObject({ status: "done", cached_steps: 0 });
    expect(await run("staged", "cat /srv/all/deep/one")).toBe("new\n");
  });

  test.each([
    [
      ["FROM base AS a", "RUN true", "FROM base", "COPY --from=a /none /y"],
      /step 2\/2 \(COPY --from=a \/none \/y\): \/none is not there/,
    ],
    [
      ["FROM base AS a", "RUN true", "FROM base", "COPY --from=a /non* /y"],
      /step 2\/2 .*\/non\* matches nothing there/,
    ],
    [
      ["FROM base AS a", "RUN echo; exit 7", "FROM base", "COPY --from=a / /y"],
      /step 1\/2 \(\[a\] RUN echo; exit 7\): it ended with exit code 7/,
    ],
    [["FROM base AS a", "RUN ln -s b /a; ln -s a /b", "FROM base", "COPY --from=a /a /y"], /step 2\/2 .*\/a/],
    [["FROM base", "COPY --from=mine --chown=nobody-here /srv /y"], /step 1\/1 .*there is no user "nobody-here"/],
  ])("%j says which step", async (lines, error) => {
    const failed = await build({ name: "bad", dockerfile: lines.join("\n") });
    expect(failed).toMatchObject({ status: "failed", error: expect.stringMatching(error) });
    expect(await leftBuilders()).toEqual([]);
  });

  test("ADD unpacks an archive of the context, COPY does not", async () => {
    const header = Buffer.alloc(512);
    header.write("in/side", 0);
    header.write("0000644\0" + "0000000\0".repeat(2) + "00000000005\0" + "00000000000\0" + "        0", 100);
    header.write("ustar\u000000", 257);
    header.write(
      `${header
        .reduce((sum, byte) => sum + byte, 0)
        .toString(8)
        .padStart(6, "0")}\0`,
      148,
    );
    const tar = Buffer.concat([header, Buffer.from("text\n".padEnd(512, "\0")), Buffer.alloc(1024)]).toString("latin1");
    const files = { "a.tar": tar, "plain.tar": "no archive\n" };
    const made = await build({
      name: "added",
      dockerfile: "FROM base\nADD a.tar plain.tar /to/\nCOPY a.tar /copied.tar",
      files,
    });
    expect(made, JSON.stringify(await log(made.id))).toMatchObject({ status: "done" });
    expect(await run("added", "cat /to/in/side /to/plain.tar; head -c 7 /copied.tar; ls /to")).toBe(
      "text\nno archive\nin/sidein\nplain.tar\n",
    );
    for (const name of ["added", "staged"]) await api("DELETE", `/v1/templates/${name}`);
  });
});

describe("a sandbox that becomes a template", () => {
  const make = async (template = "base") => {
    const { body } = await api("POST", "/v1/sandboxes", { template });
    await api("POST", `/v1/sandboxes/${body.id}/exec`, { cmd: "echo from the sandbox > /srv/note" });
    return body.id as string;
  };

  test("has its files, and the sandbox goes on", async () => {
    const id = await make("mine");
    const baked = await api("POST", `/v1/sandboxes/${id}/bake-image`, { image_name: "baked" });
    expect(baked, JSON.stringify(baked.body)).toMatchObject({
      status: 201,
      body: { image: "baked", status: "baked", build: { name: "baked", status: "done", steps: 0 } },
    });
    expect(await run("baked", "cat /srv/note /srv/app/greeting; echo $GREETING")).toBe(
      "from the sandbox\nhello nobody\nhello\n",
    );
    expect((await api("POST", `/v1/sandboxes/${id}/exec`, { cmd: "cat /srv/note" })).body.stdout).toBe(
      "from the sandbox\n",
    );
    expect((await api("GET", "/v1/templates/baked")).body).toMatchObject({ base: "mine", status: "ready" });
    await api("DELETE", `/v1/sandboxes/${id}`);
  });

  test("takes a name that is there only with `replace`, and starts what it is told", async () => {
    const id = await make();
    const path = `/v1/sandboxes/${id}/bake-image`;
    expect(await api("POST", path, { image_name: "baked" })).toMatchObject({
      status: 409,
      body: { code: "template.exists" },
    });
    const request = { image_name: "baked", replace: true, start: "sleep 1000000", wait: false };
    const begun = await api("POST", path, request);
    expect(begun).toMatchObject({ status: 202, body: { image: "baked", status: "building" } });
    expect(await ended(begun.body.build.id)).toMatchObject({ status: "done" });
    expect(await run("baked", "cat /srv/note; ls /srv")).toBe("from the sandbox\nnote\n");
    await api("DELETE", `/v1/sandboxes/${id}`);
    await api("DELETE", "/v1/templates/baked");
  });

  test("says what is wrong, and leaves nothing", async () => {
    const id = await make();
    const path = `/v1/sandboxes/${id}/bake-image`;
    const refused = async (body: object, status: number, error: RegExp) => {
      const reply = await api("POST", path, body);
      expect(reply).toMatchObject({ status, body: { error: expect.stringMatching(error) } });
    };
    await refused({}, 400, /image_name/);
    await refused({ image_name: "../up" }, 400, /image_name/);
    await refused({ image_name: "base" }, 403, /template of the catalogue/);
    await refused({ image_name: "x", start_unit: "app.service" }, 400, /start_unit: there is no systemd/);
    await refused({ image_name: "x", workspace: "other" }, 403, /workspace/);
    await refused({ image_name: "x", start: "echo I cannot >&2; exit 4", ready: "sleep 1; false" }, 409, /I cannot/);
    expect((await api("GET", "/v1/templates/x")).status).toBe(404);
    await api("DELETE", `/v1/sandboxes/${id}`);
    expect((await api("POST", path, { image_name: "x" })).status).toBe(404);
  });
});

describe("an image or a root file system", () => {
  const upload = (field: string, text: string) => ({ [field]: new File([text], "given.tar") });
  test.each([
    ["rootfs", "no archive ".repeat(100), /^given\.tar: it is no tar archive/],
    ["rootfs", "\0".repeat(1_024), /^given\.tar: there is nothing in the archive/],
  ])("a file `%s` that is none fails the build", async (field, text, error) => {
    const failed = await build({ name: "bad", more: upload(field, text) });
    expect(failed).toMatchObject({ status: "failed", steps: 0, error: expect.stringMatching(error) });
    expect((await api("GET", "/v1/templates/bad")).status).toBe(404);
  });

  test.each<[string, Record<string, string | File>, RegExp]>([
    ["an image that is none", upload("image", "no archive ".repeat(100)), /no tar archive/],
    ["two of them", { image_ref: "r.example.com/a", ...upload("rootfs", "x") }, /exactly one of/],
    ["neither", {}, /exactly one of/],
    [
      "a private registry's image",
      { image_ref: "10.0.0.1/a:1" },
      /10\.0\.0\.1\/a:1: https:\/\/10\.0\.0\.1 is not asked/,
    ],
    ["one without a registry", { image_ref: "python:3" }, /^10\.0\.0\.1\/mirror\/python:3: https.* is not asked/],
    ["no image's name", { image_ref: "Python 3" }, /"Python 3" is no image/],
    ["half of the credentials", { image_ref: "r.example.com/a", registry_username: "me" }, /go together/],
  ])("%s is refused at once", async (_, more, error) => {
    expect(await post({ name: "bad", more })).toMatchObject({
      status: 400,
      body: { error: expect.stringMatching(error) },
    });
  });

  test("in a Dockerfile likewise, and a file called so is one of its context there", async () => {
    const from = await post({ name: "bad", dockerfile: "FROM 169.254.169.254/a:1" });
    expect(from).toMatchObject({ status: 400, body: { code: "template.bad_image" } });
    const copied = await post({ name: "bad", dockerfile: "FROM base\nCOPY --from=127.0.0.1:1/a:1 /a /b" });
    expect(copied).toMatchObject({ status: 400, body: { code: "template.bad_image" } });
    const made = await build({
      name: "named",
      dockerfile: "FROM base\nCOPY rootfs image /to/",
      files: { rootfs: "a", image: "b" },
    });
    expect(made.status, JSON.stringify(await log(made.id))).toBe("done");
    expect(await run("named", "cat /to/rootfs /to/image")).toBe("ab");
    await api("DELETE", "/v1/templates/named");
  });
});
