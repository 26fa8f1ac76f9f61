import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { test as property, fc } from "@fast-check/vitest";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { Refusal } from "@pandastack/platform";
import { ImageStore, readPrivateRegistries } from "../../src/imports/index.ts";
import { resolveImage } from "../../src/imports/manifest.ts";
import { isPublic, requireAllowed } from "../../src/imports/registry/guard.ts";
import { parseReference } from "../../src/imports/registry/reference.ts";
import { dockerArchiveOf, imageOf, indexOf, layoutOf, type TestImage } from "./images.ts";
import { inPieces, sha256, SHELL, tarOf } from "./make.ts";
import { RegistryServer, type RegistryOptions } from "./registry-server.ts";

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "images-"))));
afterEach(() => rmSync(folder, { recursive: true }));

const store = (registries = "", limitBytes = 10 * 1024 ** 3, reserveBytes = 0): ImageStore => {
  const images = new ImageStore({ folder, limitBytes, reserveBytes, registries: readPrivateRegistries(registries) });
  onTestFinished(() => images.close());
  return images;
};
const stream = (bytes: Buffer) => Readable.from(inPieces(bytes, 10_000));
const layoutTar = (image: TestImage, index?: Buffer) =>
  tarOf([...layoutOf(image, index)].map(([path, bytes]) => ({ path: `./${path}`, text: bytes.toString("latin1") })));
const CONFIG = {
  User: "1000:1000",
  Env: ["PATH=/bin", "A=b=c", "no variable"],
  Entrypoint: ["/bin/app"],
  Cmd: ["serve"],
  WorkingDir: "/srv",
  ExposedPorts: { "80/tcp": {} },
};
const SETTINGS = {
  env: { PATH: "/bin", A: "b=c" },
  user: "1000",
  workdir: "/srv",
  entrypoint: ["/bin/app"],
  cmd: ["serve"],
  ports: ["80/tcp"],
};
const archives = [tarOf([SHELL]), tarOf([{ path: "one" }]), tarOf([{ path: "two" }])];

describe("an upload", () => {
  const image = imageOf(archives, CONFIG);
  test.each([
    ["an OCI layout", layoutTar(image), image.manifest.digest],
    ["one with gzip", gzipSync(layoutTar(image)), image.manifest.digest],
    ["an archive of docker save", dockerArchiveOf(image), sha256(image.config)],
  ])("%s", async (_, bytes, digest) => {
    const images = store();
    const found = await images.upload("image", stream(bytes));
    expect(found).toEqual({ id: found.id, digest, settings: SETTINGS });
    expect(await images.writeArchive(found.id, join(folder, "out"), true)).toBeGreaterThan(1_000);
    images.release(found.id);
    expect(readdirSync(folder)).toEqual(["out"]);
  });

  test("a root file system, which says nothing of itself", async () => {
    const bytes = gzipSync(tarOf([SHELL]));
    const found = await store().upload("rootfs", stream(bytes));
    expect(found).toMatchObject({ digest: sha256(bytes), settings: { env: {}, user: null, entrypoint: [] } });
  });

  const other = imageOf(archives, CONFIG, { os: "linux", architecture: "arm64" });
  const damaged = { ...image, blobs: new Map(image.blobs).set(sha256(image.layers[0]!), Buffer.from("other")) };
  const fewer = {
    ...image,
    blobs: new Map([...image.blobs].filter(([digest]) => digest !== sha256(image.layers[1]!))),
  };
  test.each([
    ["another platform's", layoutTar(other), /image is for linux\/arm64; this host runs linux\/amd64/],
    [
      "an index of other platforms",
      layoutTar(other, indexOf([{ image: other, platform: { os: "windows", architecture: "amd64" } }])),
      /it is for windows\/amd64/,
    ],
    ["a layer with other bytes", layoutTar(damaged), /is not what it says: its digest is sha256:/],
    ["a layer that is missing", layoutTar(fewer), /is named in it, and is not there/],
    ["no image", tarOf([{ path: "file" }]), /neither an OCI layout nor an archive of `docker save`/],
    ["nothing", Buffer.alloc(0), /there is nothing in it/],
    ["no archive", Buffer.alloc(4_000, "no archive"), /no tar archive/],
    [
      "two images",
      tarOf([
        {
          path: "manifest.json",
          text: JSON.stringify([1, 2].map((n) => ({ Config: "c", RepoTags: [`i:${n}`], Layers: [] }))),
        },
      ]),
      /there are 2 images in it \(i:1, i:2\)/,
    ],
  ])("%s is refused and leaves nothing", async (_, bytes, error) => {
    await expect(store().upload("image", stream(bytes))).rejects.toThrow(error);
    expect(readdirSync(folder)).toEqual([]);
  });

  test("the platform's own of several, and none that only attests", async () => {
    const real = { image, platform: { os: "linux", architecture: "amd64" } };
    const attested = {
      image: other,
      platform: { os: "unknown", architecture: "unknown" },
      annotations: { "vnd.docker.reference.type": "attestation-manifest" },
    };
    const index = indexOf([attested, { image: other, platform: { os: "linux", architecture: "arm64" } }, real]);
    expect(await store().upload("image", stream(layoutTar(image, index)))).toMatchObject({
      digest: image.manifest.digest,
    });
  });

  test("one for which the disk has no room is refused", async () => {
    const full = store("", 2 ** 30, 2 ** 60);
    const refused = { code: "capacity.insufficient_storage" };
    await expect(full.upload("rootfs", stream(tarOf([SHELL])))).rejects.toMatchObject(refused);
    await expect(full.upload("image", stream(layoutTar(image)))).rejects.toMatchObject(refused);
    expect(readdirSync(folder)).toEqual([]);
  });

  test("one that is too large, or whose sender goes away, leaves nothing", async () => {
    const big = tarOf([{ path: "big", text: "x".repeat(50_000) }]);
    await expect(store("", 40_000).upload("rootfs", stream(big))).rejects.toMatchObject({
      code: "validation.body_too_large",
    });
    const broken = Readable.from(
      (async function* () {
        yield big.subarray(0, 1_000);
        throw new Error("gone");
      })(),
    );
    await expect(store().upload("rootfs", broken)).rejects.toThrow("gone");
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe("a registry", () => {
  const image = imageOf(archives, CONFIG);
  const serve = async (options: RegistryOptions = {}): Promise<RegistryServer> => {
    const registry = await new RegistryServer(options).start();
    onTestFinished(() => registry.stop());
    registry.push("team/app", "v1", image, indexOf([{ image, platform: { os: "linux", architecture: "amd64" } }]));
    return registry;
  };

  test("is asked with a token, and its layers become an archive", async () => {
    const registry = await serve();
    const images = store(registry.origin);
    const found = await images.resolve({ reference: `${registry.host}/team/app:v1` });
    expect(found).toEqual({ id: found.id, digest: image.manifest.digest, settings: SETTINGS });
    expect(registry.asked.filter(({ url }) => url.includes(sha256(image.layers[0]!)))).toEqual([]);
    await images.writeArchive(found.id, join(folder, "out"), true);
    expect(registry.asked.find(({ url }) => url.startsWith("/token"))?.url).toBe(
      "/token?service=test&scope=repository%3Ateam%2Fapp%3Apull",
    );
    const pinned = await images.resolve({ reference: `${registry.host}/team/app@${image.manifest.digest}` });
    expect(pinned.digest).toBe(found.digest);
    images.close();
    expect(readdirSync(folder)).toEqual(["out"]);
  });

  test("one that is not for everyone takes the caller's credentials", async () => {
    const only = { username: "me", password: "secret" };
    const registry = await serve({ only });
    const images = store(registry.origin);
    const reference = `${registry.host}/team/app:v1`;
    await expect(images.resolve({ reference })).rejects.toThrow(/the registry wants to know who asks/);
    await expect(images.resolve({ reference, credentials: { ...only, password: "wrong" } })).rejects.toThrow(
      /does not let "me" have/,
    );
    expect(await images.resolve({ reference, credentials: only })).toMatchObject({ digest: image.manifest.digest });
  });

  test("or the operator's, of a file as docker login writes it, which a caller's own go before", async () => {
    const only = { username: "me", password: "se:cret" };
    const registry = await serve({ only });
    const [reference, authFile] = [`${registry.host}/team/app:v1`, join(folder, "auth.json")];
    const auth = Buffer.from("me:se:cret").toString("base64");
    const open = () => {
      const registries = readPrivateRegistries(registry.origin);
      const images = new ImageStore({ folder: join(folder, "of"), limitBytes: 2 ** 30, registries, authFile });
      onTestFinished(() => images.close());
      return images;
    };
    writeFileSync(authFile, JSON.stringify({ auths: { [registry.host]: { auth }, "other.example.com": {} } }));
    expect(await open().resolve({ reference })).toMatchObject({ digest: image.manifest.digest });
    const credentials = { username: "you", password: "x" };
    await expect(open().resolve({ reference, credentials })).rejects.toThrow(/does not let "you" have/);
    writeFileSync(authFile, JSON.stringify({ auths: { "other.example.com": { auth } } }));
    await expect(open().resolve({ reference })).rejects.toThrow(/wants to know who asks/);
    writeFileSync(authFile, "{}");
    await expect(open().resolve({ reference })).rejects.toThrow(
      /PANDASTACK_REGISTRY_AUTH: .*auth\.json: it has another shape/,
    );
  });

  test("what it does not have, and what is not what it says", async () => {
    const registry = await serve();
    const images = store(registry.origin);
    await expect(images.resolve({ reference: `${registry.host}/team/app:v2` })).rejects.toThrow(
      /there is no image .*team\/app with v2/,
    );
    const found = await images.resolve({ reference: `${registry.host}/team/app:v1` });
    registry.corrupt(sha256(image.layers[1]!), Buffer.alloc(image.layers[1]!.length, "x"));
    await expect(images.writeArchive(found.id, join(folder, "out"), true)).rejects.toThrow(
      /layer 2 is not what it says/,
    );
  });

  test("one that breaks off, or is not there", async () => {
    const registry = await serve({ breaksOff: true });
    const { host, origin } = registry;
    const reference = `${host}/team/app:v1`;
    await expect(store(origin).resolve({ reference })).rejects.toThrow(/the connection to the registry was lost/);
    await registry.stop();
    await expect(store(origin).resolve({ reference })).rejects.toThrow(/could not be asked: connect ECONNREFUSED/);
    expect(readdirSync(folder)).toEqual([]);
  });

  test("its redirects are looked at, and get no token", async () => {
    const storage = await serve();
    const registry = await serve({ redirect: (digest) => `${storage.origin}/v2/team/app/blobs/${digest}` });
    const reference = `${registry.host}/team/app:v1`;
    await expect(store(registry.origin).resolve({ reference })).rejects.toThrow(/is not asked/);
    expect(storage.asked).toEqual([]);
    const opened = store(`${registry.origin}, ${storage.origin}`);
    // The other one wants a token of its own, which it is not given.
    await expect(opened.resolve({ reference })).rejects.toThrow(/wants to know who asks/);
    expect(storage.asked.every(({ authorization }) => authorization === undefined)).toBe(true);
  });

  test.each([
    ["localhost/x:1", /localhost|is not asked/],
    ["127.0.0.1:5000/x:1", /https:\/\/127\.0\.0\.1:5000 is not asked: it is in a private network/],
    ["169.254.169.254/latest/meta-data:1", /is not asked/],
    ["10.200.0.1/x:1", /is not asked/],
    ["0x7f.1/x:1", /is not asked/],
    ["2130706433.:80/x:1", /is no image/],
  ])("%s is not asked", async (reference, error) => {
    await expect(store().resolve({ reference })).rejects.toThrow(error);
  });
});

test("only addresses of the internet are public", () => {
  const shut = [
    "127.0.0.1",
    "10.1.2.3",
    "172.31.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fd00::1",
    "::ffff:10.0.0.1",
    "::ffff:8.8.8.8",
    "64:ff9b::a00:1",
    "2002:a00:1::",
    "ff02::1",
    "2001:db8::1",
    "name",
  ];
  expect(shut.filter(isPublic)).toEqual([]);
  expect(["8.8.8.8", "1.1.1.1", "172.32.0.1", "2606:4700::1111"].filter(isPublic)).toHaveLength(4);
  for (const url of [
    "http://example.com/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://0x7f000001/",
    "https://127.1/",
    "file:///etc/passwd",
  ])
    expect(() => requireAllowed(new URL(url), readPrivateRegistries("")), url).toThrow(/is not asked/);
  expect(() => readPrivateRegistries("10.0.0.1:5000")).toThrow(/is no origin/);
});

describe("a reference", () => {
  test.each([
    ["registry.example.com/a", ["registry.example.com", "a", "latest"]],
    ["localhost:5000/a/b_c/d-e:V1.2", ["localhost:5000", "a/b_c/d-e", "V1.2"]],
    ["docker.io/python:3", ["docker.io", "library/python", "3"]],
    ["docker.io/team/python", ["docker.io", "team/python", "latest"]],
    [`r.io/a:tag@sha256:${"a".repeat(64)}`, ["r.io", "a", `sha256:${"a".repeat(64)}`]],
  ])("%s", (text, [registry, repository, reference]) =>
    expect(parseReference(text)).toEqual({ registry, repository, reference }),
  );
  test.each([
    "",
    "python",
    "team/python",
    "r.io/",
    "r.io/A",
    "r.io/a:",
    "r.io/a@sha256:1",
    "r.io/../a",
    "r.io/a b",
    "user@r.io/a",
    "r.io/a?x=1",
    "r.io/a#b",
    "r.io:99999999/a",
  ])("%j is none", (text) => expect(() => parseReference(text)).toThrow(/is no image/));
  property.prop([fc.string({ maxLength: 60 }).map((text) => `r.io/${text}`)])(
    "any text is one or is refused; no path grows out of it",
    (text) => {
      try {
        const { repository, reference } = parseReference(text);
        expect(new URL(`https://r.io/v2/${repository}/manifests/${reference}`).pathname).toBe(
          `/v2/${repository}/manifests/${reference}`,
        );
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
      }
    },
  );
});

describe("documents", () => {
  property.prop([fc.json()])("any JSON is an image or is refused", async (text) => {
    await resolveImage(async () => Buffer.from(text), Buffer.from(text)).catch((error: unknown) => {
      if (!(error instanceof Refusal)) throw error;
    });
  });
  test("an index that leads to itself ends", async () => {
    // No digest can name what holds it: so each is another one, of which each is named by the one before.
    const made = new Map<string, Buffer>();
    let bytes = Buffer.from('{"manifests":[]}');
    for (let depth = 0; depth < 8; depth++) {
      made.set(sha256(bytes), bytes);
      bytes = Buffer.from(JSON.stringify({ manifests: [{ digest: sha256(bytes), size: bytes.length }] }));
    }
    await expect(resolveImage(async ({ digest }) => made.get(digest)!, bytes)).rejects.toThrow(/again and again/);
  });
});
