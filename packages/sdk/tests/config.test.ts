import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { resolveConfig } from "../src/config.ts";

function homeWith(text: string | undefined): string {
  const home = mkdtempSync(join(tmpdir(), "pandastack-config-"));
  onTestFinished(() => rmSync(home, { recursive: true }));
  if (text === undefined) return home;
  mkdirSync(join(home, ".config/pandastack"), { recursive: true });
  writeFileSync(join(home, ".config/pandastack/config.json"), text);
  return home;
}

it("falls back from options to environment to file to default", () => {
  const HOME = homeWith('{"apiUrl":"http://file/","token":"pds_file"}');
  expect(resolveConfig({}, { HOME })).toMatchObject({ baseUrl: "http://file", apiKey: "pds_file" });
  const env = { HOME, PANDASTACK_API: "http://env/v1", PANDASTACK_TOKEN: "pds_env" };
  expect(resolveConfig({}, env)).toMatchObject({ baseUrl: "http://env", apiKey: "pds_env" });
  for (const options of [
    { apiUrl: "http://option", token: "pds_option" },
    { baseUrl: "http://option", apiKey: "pds_option" },
  ])
    expect(resolveConfig(options, env)).toMatchObject({ baseUrl: "http://option", apiKey: "pds_option" });
  expect(resolveConfig({}, { HOME: homeWith(undefined) })).toMatchObject({
    baseUrl: "http://127.0.0.1:8080",
    apiKey: undefined,
  });
});

it("reads the file where XDG says, in its older spelling, and survives a broken one", () => {
  const home = homeWith('{"api_url":"http://old","apiKey":"pds_old"}');
  expect(resolveConfig({}, { HOME: "/nowhere", XDG_CONFIG_HOME: join(home, ".config") })).toMatchObject({
    baseUrl: "http://old",
    apiKey: "pds_old",
  });
  expect(resolveConfig({}, { HOME: homeWith("{") })).toMatchObject({ apiKey: undefined });
});
