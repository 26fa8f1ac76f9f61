import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crashPoints, waitFor, type CrashPoint } from "@pandastack/platform";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { DEFAULT_CACHE_DIR } from "../../packages/setup/src/settings.ts";
import { untilNothingIsNoOnes } from "./support/belongings/index.ts";
import { attempt, untilDone, type Json } from "./support/client.ts";
import { expectRuntime } from "./support/runtimes.ts";
import { CrashServer } from "./support/server.ts";
import { wayToPoint } from "./support/ways.ts";

/** What a build makes is made here: of the host's cache only what set-up has brought. */
const OWN_FOLDERS = new Set(["roots", "templates"]);
/** One before anything is made, one with a builder, one with a root that no template has. The others by name, or `all`. */
const USUALLY: ReadonlySet<CrashPoint> = new Set([
  "control.build.written",
  "control.build.kept",
  "control.build.closed",
]);
const NAME = "crashed";
const BUILD_TIMEOUT_MS = 120_000;

const chosen = process.env["PANDASTACK_CRASH_POINTS"] ?? "";
const isChosen = (point: CrashPoint): boolean =>
  USUALLY.has(point) || chosen === "all" || chosen.split(",").some((part) => part !== "" && point.startsWith(part));

/** A build is cut short by kill -9, of the control plane or of the host agent. On gVisor, whose builds take seconds. */
describe("a crash while a template is built, at", () => {
  let server: CrashServer;
  let cacheDir: string;
  beforeAll(async () => {
    cacheDir = mkdtempSync(join(tmpdir(), "pandastack-crash-cache-"));
    // PostgreSQL's user reads its programs there.
    chmodSync(cacheDir, 0o755);
    const original = process.env["PANDASTACK_CACHE_DIR"] || DEFAULT_CACHE_DIR;
    for (const name of readdirSync(original)) {
      if (!OWN_FOLDERS.has(name)) symlinkSync(join(original, name), join(cacheDir, name));
      else mkdirSync(join(cacheDir, name));
    }
    const templates = join(original, "templates");
    for (const key of existsSync(templates) ? readdirSync(templates) : [])
      symlinkSync(join(templates, key), join(cacheDir, "templates", key));
    server = await CrashServer.start("gvisor", { PANDASTACK_CACHE_DIR: cacheDir });
    await expectRuntime(server);
  });
  afterAll(async () => {
    const left = await server?.stop();
    rmSync(cacheDir, { recursive: true, force: true });
    expect(left).toEqual([]);
  });

  for (const point of crashPoints.filter((name) => wayToPoint(name, "gvisor") === "build" && isChosen(name))) {
    it(
      point,
      async () => {
        const once = randomBytes(4).toString("hex");
        const recipe = { steps: [{ run: `echo ${once} > /srv/made` }, { run: "cat /srv/made > /srv/copied" }] };
        onTestFinished(async () => {
          await attempt(server, { method: "DELETE", path: `/v1/templates/${NAME}` }).catch(() => undefined);
        });
        server.arm(point);
        await post(server, recipe).catch(() => undefined);
        await waitFor(() => !server.isArmed, {
          timeoutMs: BUILD_TIMEOUT_MS,
          message: `the crash point ${point} is not reached`,
        });
        await server.untilUp();
        await nothingUnderWay(server);
        await untilNothingIsNoOnes(server);
        // A build outlives a host agent that is there again in time; of another one nothing is left.
        const isThere = await hasTemplate(server);
        if (point.startsWith("control.")) expect(isThere).toBe(point === "control.build.published");
        await waitFor(() => marksOf(server).length === (isThere ? 1 : 0), {
          timeoutMs: 30_000,
          message: `another number of root file systems is kept than ${isThere ? 1 : 0}`,
        });
        expect(unfinishedIn(join(cacheDir, "roots"))).toEqual([]);

        const again = await post(server, recipe);
        const build = await ended(server, again.id);
        expect(build, JSON.stringify(build)).toMatchObject({ status: "done" });
        const sandbox = await untilDone(server, { method: "POST", path: "/v1/sandboxes", json: { template: NAME } });
        const exec = {
          method: "POST",
          path: `/v1/sandboxes/${sandbox.id}/exec`,
          json: { cmd: "cat /srv/copied" },
        } as const;
        expect((await untilDone(server, exec)).stdout).toBe(`${once}\n`);
        await untilDone(server, { method: "DELETE", path: `/v1/sandboxes/${sandbox.id}` });
        const before = readdirSync(join(server.poolDir, "templates")).length;
        await untilDone(server, { method: "DELETE", path: `/v1/templates/${NAME}` });
        expect(marksOf(server), "nobody has a use for its root file system").toEqual([]);
        expect(readdirSync(join(server.poolDir, "templates"))).toHaveLength(before - 1);
      },
      BUILD_TIMEOUT_MS * 2,
    );
  }
});

async function hasTemplate(server: CrashServer): Promise<boolean> {
  const templates: Json[] = await untilDone(server, { method: "GET", path: "/v1/templates" });
  return templates.some(({ name }) => name === NAME);
}

const marksOf = (server: CrashServer): string[] => {
  const folder = join(server.dataDir, "roots");
  return existsSync(folder) ? readdirSync(folder) : [];
};

const unfinishedIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => /\.(tmp|work|part)-/.test(name));

async function post(server: CrashServer, recipe: object): Promise<Json> {
  const form = new FormData();
  form.set("name", NAME);
  form.set("recipe", JSON.stringify(recipe));
  const headers = { authorization: `Bearer ${server.token}` };
  const reply = await fetch(`${server.url}/v1/templates/build`, { method: "POST", headers, body: form });
  const body: Json = await reply.json();
  if (!reply.ok) throw new Error(`the build is refused: ${JSON.stringify(body)}`);
  return body;
}

async function ended(server: CrashServer, id: string): Promise<Json> {
  return waitFor(
    async () => {
      const build = await untilDone(server, { method: "GET", path: `/v1/templates/builds/${id}` });
      return ["done", "failed"].includes(build.status) ? build : undefined;
    },
    { timeoutMs: BUILD_TIMEOUT_MS, intervalMs: 200, message: `build ${id} does not end` },
  );
}

async function nothingUnderWay(server: CrashServer): Promise<void> {
  const builds: Json[] = await untilDone(server, { method: "GET", path: "/v1/templates/builds" });
  for (const { id } of builds) await ended(server, id);
}
