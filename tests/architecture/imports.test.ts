import { describe, expect, test } from "vitest";
import { cycleIn, files, folderOf, importsOf, sourcesOf } from "./sources.ts";

/** A package may import those that are listed with it. */
const packages: Record<string, readonly string[]> = {
  contracts: [],
  platform: ["contracts"],
  sdk: ["contracts"],
  // `setup` is only loaded by what works on the server's own machine.
  cli: ["sdk", "setup", "mcp"],
  mcp: ["sdk"],
  // `sdk` is what the tools of MCP speak through, to the same server.
  "control-plane": ["contracts", "platform", "sdk", "mcp"],
  "host-agent": ["contracts", "platform"],
  setup: ["contracts", "platform"],
};

/** Runs before anything is installed, so it reaches what it shares with the agent by path: files without dependencies. */
const REACHES: Record<string, RegExp> = { setup: /^packages\/host-agent\/src\/(images|pool|processes|files)\// };
/** Runs when all is installed. */
const UPKEEP = /^packages\/setup\/src\/upkeep\//;
const UPKEEP_REACHES =
  /^packages\/host-agent\/src\/((images|pool|processes|files|journal|network|cgroups)\/|runtimes\/gvisor\/features\.ts$)/;

/**
 * A folder may import those before it. Of the files that lie in `src` itself, those that put the package together come after
 * all folders; others (a table of limits, settings) may be used by any, and the search for circles keeps them honest.
 */
const ENDS = /\/src\/(main|index|assemble[a-z-]*|start)\.ts$/;
const folders: Record<string, readonly string[]> = {
  // `runtime`: the interface, plain data and types, comes long before what implements it.
  "host-agent": [
    "files",
    "processes",
    "runtime",
    "pool",
    "images",
    "volumes",
    "network",
    "cgroups",
    "guest",
    "runtimes",
    "journal",
    "snapshots",
    "imports",
    "templates",
    "sandboxes",
    "http",
  ],
  "control-plane": [
    "persistence",
    "calls",
    "accounts",
    "hosts",
    "events",
    "templates",
    "snapshots",
    "volumes",
    "sandboxes",
    "code",
    "builds",
    "gateway",
    "http",
    "main",
  ],
  contracts: ["host", "shapes", "operations", "openapi"],
  setup: ["tools", "cache", "steps", "host", "artifacts", "supervisor", "upkeep"],
};

/** Runtimes get prepared paths, names and addresses; what they share is the interface. */
const RUNTIME_INTERFACE = new Set([
  "packages/host-agent/src/runtimes/runtime.ts",
  "packages/host-agent/src/network/slot.ts",
]);

const folderIn = (path: string): string | undefined => (RUNTIME_INTERFACE.has(path) ? "runtime" : folderOf(path));

describe("packages", () => {
  test.each(Object.keys(packages))("%s imports only what comes before it", (name) => {
    const wrong: string[] = [];
    for (const path of sourcesOf(name)) {
      for (const { specifier, target } of importsOf(path)) {
        const other = /^@pandastack\/([a-z-]+)/.exec(specifier)?.[1];
        if (other !== undefined && other !== name && !packages[name]!.includes(other))
          wrong.push(`${path} imports ${specifier}`);
        const isOwn =
          target === undefined ||
          target.startsWith(`packages/${name}/`) ||
          (UPKEEP.test(path) ? UPKEEP_REACHES : REACHES[name])?.test(target) === true;
        if (!isOwn) wrong.push(`${path} reaches out of its package to ${target}`);
      }
    }
    expect(wrong, `${name} may import: ${packages[name]!.join(", ") || "no other package"}`).toEqual([]);
  });

  test("every package has its place in the order", () => {
    const there = new Set(
      files()
        .map((path) => /^packages\/([^/]+)\/src\//.exec(path)?.[1])
        .filter((name) => name !== undefined),
    );
    expect([...there].filter((name) => !(name in packages))).toEqual([]);
  });
});

describe.each(Object.entries(folders))("folders of %s", (name, order) => {
  test("each imports only what comes before it", () => {
    const wrong: string[] = [];
    for (const path of sourcesOf(name)) {
      const from = folderIn(path);
      if (from === undefined) continue;
      for (const { target } of importsOf(path)) {
        const to = target === undefined ? undefined : folderIn(target);
        if (target === undefined || to === from) continue;
        if (to === undefined && ENDS.test(target)) wrong.push(`${path} imports ${target}, where everything ends`);
        else if (to !== undefined && order.indexOf(to) > order.indexOf(from)) wrong.push(`${path} imports ${target}`);
      }
    }
    expect(wrong, `the order is ${order.join(" → ")}`).toEqual([]);
  });

  test("each has its place in the order", () => {
    const there = new Set(
      sourcesOf(name)
        .map(folderIn)
        .filter((folder) => folder !== undefined),
    );
    expect([...there].filter((folder) => !order.includes(folder))).toEqual([]);
  });
});

test("no runtime imports another", () => {
  const runtimeOf = (path: string): string | undefined =>
    /^packages\/host-agent\/src\/runtimes\/([^/]+)\//.exec(path)?.[1];
  const wrong: string[] = [];
  for (const path of sourcesOf("host-agent")) {
    const from = runtimeOf(path);
    if (from === undefined) continue;
    for (const { target } of importsOf(path)) {
      const to = target === undefined ? undefined : runtimeOf(target);
      if (to !== undefined && to !== from) wrong.push(`${path} imports ${target}`);
    }
  }
  expect(wrong).toEqual([]);
});

describe("no circles", () => {
  test.each(Object.keys(packages))("between files of %s", (name) => {
    const graph = new Map<string, Set<string>>();
    for (const path of sourcesOf(name)) {
      graph.set(
        path,
        new Set(
          importsOf(path)
            .filter(({ isType, target }) => !isType && target !== undefined)
            .map(({ target }) => target!),
        ),
      );
    }
    expect(cycleIn(graph)?.join(" → "), "files that import each other in a circle").toBeUndefined();
  });

  test("between folders of the fake runtime", () => {
    const graph = new Map<string, Set<string>>();
    const folder = (path: string): string | undefined =>
      /^packages\/host-agent\/src\/runtimes\/fake\/([^/]+)\//.exec(path)?.[1];
    for (const path of sourcesOf("host-agent")) {
      const from = folder(path);
      if (from === undefined) continue;
      const to = importsOf(path)
        .filter(({ isType }) => !isType)
        .map(({ target }) => (target === undefined ? undefined : folder(target)));
      graph.set(
        from,
        new Set([...(graph.get(from) ?? []), ...to.filter((one) => one !== undefined && one !== from)] as string[]),
      );
    }
    expect(cycleIn(graph)?.join(" → ")).toBeUndefined();
  });
});

test("imports of the repository end in .ts", () => {
  const wrong = Object.keys(packages)
    .flatMap(sourcesOf)
    .filter((path) => path.endsWith(".ts"))
    .flatMap((path) =>
      importsOf(path)
        .filter(({ specifier }) => specifier.startsWith(".") && !/\.(ts|mjs|json)$/.test(specifier))
        .map(({ specifier }) => `${path}: ${specifier}`),
    );
  expect(wrong).toEqual([]);
});
