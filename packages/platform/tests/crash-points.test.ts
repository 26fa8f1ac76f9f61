import { spawnSync } from "node:child_process";
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { crashPoints } from "@pandastack/platform";

const PACKAGES = join(import.meta.dirname, "../..");

describe("the registry", () => {
  it("holds exactly the points that are in the code, each once in a runtime, in the process that its name says", () => {
    const used = globSync("{host-agent,control-plane}/src/**/*.ts", { cwd: PACKAGES }).flatMap((path) => {
      const process = path.startsWith("host-agent/") ? "host" : "control";
      const runtime = /\/runtimes\/(\w+)\//.exec(path)?.[1] ?? "any";
      const text = readFileSync(join(PACKAGES, path), "utf8");
      return [...text.matchAll(/\bcrashPoint\("([^"]+)"\)/g)].map(([, name]) => ({
        point: `${process}: ${name}`,
        place: `${runtime}: ${name}`,
      }));
    });
    const places = used.map(({ place }) => place);
    expect(places.filter((place, index) => places.indexOf(place) !== index)).toEqual([]);
    const registered = crashPoints.map((name) => `${name.split(".")[0]}: ${name}`);
    expect([...new Set(used.map(({ point }) => point))].toSorted()).toEqual(registered.toSorted());
  });
});

describe("a crash point", () => {
  let folder: string;
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "pandastack-crash-point-"))));
  afterEach(() => rmSync(folder, { recursive: true }));

  const run = (armed: string | undefined, env: Record<string, string>) => {
    const file = join(folder, "armed");
    if (armed !== undefined) writeFileSync(file, armed);
    const code = `import { crashPoint } from ${JSON.stringify(join(PACKAGES, "platform/src/crash-points.ts"))};
      for (let i = 1; i <= 3; i++) { crashPoint("host.create.started"); process.stdout.write(String(i)); }`;
    const { signal, stdout } = spawnSync(process.execPath, ["--input-type=module", "--eval", code], {
      env: { PATH: process.env["PATH"], PANDASTACK_CRASH_FILE: file, ...env },
      encoding: "utf8",
    });
    return { signal, stdout, isStillArmed: existsSync(file) };
  };

  it("ends the process when it is armed, and is not armed any more then", () => {
    expect(run("host.create.started", {})).toEqual({ signal: "SIGKILL", stdout: "", isStillArmed: false });
  });

  it("lets it pass until the n-th time", () => {
    expect(run("host.create.started 3", {})).toEqual({ signal: "SIGKILL", stdout: "12", isStillArmed: false });
  });

  it("is nothing when another one is armed, or none, or where no file is named", () => {
    expect(run("host.create.committed", {})).toEqual({ signal: null, stdout: "123", isStillArmed: true });
    rmSync(join(folder, "armed"));
    expect(run(undefined, {})).toEqual({ signal: null, stdout: "123", isStillArmed: false });
    expect(run("host.create.started", { PANDASTACK_CRASH_FILE: "" }).stdout).toBe("123");
  });
});
