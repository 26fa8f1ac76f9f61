import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Family, labelsOf, metricsOf, parseExposition } from "./support/exposition.ts";
import { startTestServer, type TestServer } from "./support/server.ts";

const DEPLOY = new URL("../../../deploy/", import.meta.url).pathname;
/** Prometheus's own checks, where they are: Debian has them in its package `prometheus`. */
const PROMTOOL = process.env["PANDASTACK_PROMTOOL"] ?? "promtool";
const hasPromtool = spawnSync(PROMTOOL, ["--version"]).status === 0;

let server: TestServer;
let text = "";
let families: Family[] = [];
beforeAll(async () => {
  server = await startTestServer();
  // Counters with labels say nothing before they have counted.
  const { id } = (await server.api("POST", "/v1/sandboxes")).body;
  await server.api("POST", `/v1/sandboxes/${id}/exec`, { cmd: "true" });
  await server.api("POST", `/v1/sandboxes/${id}/fork`, { count: 1 });
  text = (await server.api("GET", "/metrics", undefined, { token: null })).body;
  families = parseExposition(text);
});
afterAll(() => server.stop());

/** Its rules are promlint's: https://github.com/prometheus/client_golang/tree/main/prometheus/testutil/promlint */
describe("names of metrics", () => {
  const wrong = (check: (family: Family) => boolean) => families.filter(check).map(({ name }) => name);

  test("are there, with help and type", () => {
    expect(families.length).toBeGreaterThan(30);
    expect(wrong(({ help, type }) => help === "" || type === "")).toEqual([]);
    expect(families.length).toBe(new Set(families.map(({ name }) => name)).size);
  });

  test("say of the first time on whether the database answers", () => {
    expect(text).toContain("\ndatabase_up 1\n");
  });

  test("end in _total where they count, and only there", () => {
    expect(wrong(({ name, type }) => (type === "counter") !== name.endsWith("_total"))).toEqual([]);
  });

  test("are lower case, without colons, without what a histogram's series are called", () => {
    expect(wrong(({ name }) => !/^[a-z][a-z0-9_]*$/.test(name))).toEqual([]);
    expect(wrong(({ name, type }) => type !== "histogram" && /_(bucket|count|sum)$/.test(name))).toEqual([]);
    expect(wrong(({ name }) => /_(gauge|counter|histogram|summary)(_|$)/.test(name))).toEqual([]);
  });

  test("have whole base units: seconds, bytes", () => {
    const units =
      /_(ms|msec|milliseconds|us|microseconds|ns|minutes|hours|days|kb|mb|gb|kib|mib|gib|kilobytes|megabytes|percent|sec|secs)(_|$)/;
    expect(wrong(({ name }) => units.test(name))).toEqual([]);
    const timed = families.filter(({ name, type }) => type === "histogram" && !name.endsWith("_seconds"));
    expect(timed.map(({ name }) => name)).toEqual([]);
  });

  test("have labels in lower case, none of which may grow without end", () => {
    const labels = new Set(families.flatMap((family) => [...family.labels]));
    expect([...labels].filter((label) => !/^[a-z][a-z0-9_]*$/.test(label))).toEqual([]);
    expect([...labels].filter((label) => /(^|_)id$|sandbox|path|token|workspace/.test(label))).toEqual([]);
  });

  test.skipIf(!hasPromtool)("please promtool (not run where it is missing)", () => {
    const { stdout, stderr, status } = spawnSync(PROMTOOL, ["check", "metrics"], { input: text, encoding: "utf8" });
    expect(stdout + stderr).toBe("");
    expect(status).toBe(0);
  });
});

interface Board {
  readonly panels: readonly { readonly title: string; readonly targets?: readonly { readonly expr: string }[] }[];
  readonly annotations: { readonly list: readonly { readonly expr: string }[] };
  readonly templating: { readonly list: readonly { readonly definition?: string }[] };
}

/** Every rule's `expr`, on one line or as a block. */
function alertsOf(yaml: string): { name: string; expr: string }[] {
  return yaml
    .split(/^ *- alert: /m)
    .slice(1)
    .map((rule) => {
      const lines = rule.split("\n");
      const at = lines.findIndex((line) => /^ *expr:/.test(line));
      const first = lines[at]!.replace(/^ *expr: */, "");
      const indent = /^ */.exec(lines[at]!)![0].length;
      const block = lines.slice(at + 1);
      const end = block.findIndex((line) => /^ */.exec(line)![0].length <= indent);
      return { name: lines[0]!.trim(), expr: first === "|" ? block.slice(0, end).join(" ") : first };
    });
}

describe("the board and the alerts in deploy/", () => {
  const board = JSON.parse(readFileSync(`${DEPLOY}grafana/pandastack.json`, "utf8")) as Board;
  const alerts = alertsOf(readFileSync(`${DEPLOY}prometheus/pandastack-alerts.yml`, "utf8"));
  const boardQueries = [
    ...board.panels.flatMap(({ title, targets }) => (targets ?? []).map(({ expr }) => ({ name: title, expr }))),
    ...board.annotations.list.map(({ expr }) => ({ name: "annotation", expr })),
  ];
  const queries = [...boardQueries, ...alerts];

  test("are read as they are", () => {
    expect(boardQueries.length).toBeGreaterThan(25);
    expect(alerts.length).toBeGreaterThan(8);
    expect(metricsOf('sum by (le) (rate(a_bucket{b="c d"}[5m])) / 2 > 0.5 and min(e)')).toEqual(["a_bucket", "e"]);
    expect(labelsOf('sum by (le, x) (a{b="c", d=~"e"})')).toEqual(["b", "d", "le", "x"]);
  });

  test("ask only for what /metrics serves", () => {
    const served = new Set(families.flatMap((family) => [...family.series]));
    // Prometheus's own, of each of its targets.
    served.add("up");
    const unknown = queries.flatMap(({ name, expr }) =>
      metricsOf(expr)
        .filter((metric) => !served.has(metric))
        .map((metric) => `${name}: ${metric}`),
    );
    expect(unknown).toEqual([]);
    expect(board.templating.list.some(({ definition }) => definition === "label_values(host_ready, instance)")).toBe(
      true,
    );
  });

  test("ask only for labels that those have", () => {
    const byScraping = ["instance", "job"];
    const unknown = queries.flatMap(({ name, expr }) => {
      const has = new Set([
        ...byScraping,
        ...families
          .filter(({ series }) => metricsOf(expr).some((metric) => series.has(metric)))
          .flatMap(({ labels }) => [...labels]),
      ]);
      return labelsOf(expr)
        .filter((label) => !has.has(label))
        .map((label) => `${name}: ${label}`);
    });
    expect(unknown).toEqual([]);
  });

  test("every alert is explained to whoever is woken by it", () => {
    const manual = readFileSync(new URL("../../../docs/operations.md", import.meta.url), "utf8");
    expect(alerts.filter(({ name }) => !manual.includes(`\`${name}\``))).toEqual([]);
  });

  test.skipIf(!hasPromtool)(
    "are what Prometheus can load, and alert when they should (not run where promtool is missing)",
    () => {
      const check = spawnSync(PROMTOOL, ["check", "config", `${DEPLOY}prometheus/prometheus.yml`], {
        encoding: "utf8",
      });
      expect(check.status, check.stdout + check.stderr).toBe(0);
      const rules = new URL("./support/alerts.promtool.yml", import.meta.url).pathname;
      const tested = spawnSync(PROMTOOL, ["test", "rules", rules], { encoding: "utf8" });
      expect(tested.status, tested.stdout + tested.stderr).toBe(0);
    },
  );
});
