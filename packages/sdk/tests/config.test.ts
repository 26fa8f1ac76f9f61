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

it("knows what hosts of previews end in", () => {
  const host = (baseUrl: string, previewHost?: string, env: NodeJS.ProcessEnv = {}) =>
    resolveConfig({ baseUrl, previewHost }, { HOME: "/nowhere", ...env }).previewHost;
  expect(host("http://127.0.0.1:8080")).toBe("localhost:8080");
  expect(host("http://[::1]:8080")).toBe("localhost:8080");
  expect(host("http://localhost")).toBe("localhost");
  expect(host("https://api.example.com")).toBe("example.com");
  expect(host("https://panda.example.com:8443/v1")).toBe("panda.example.com:8443");
  expect(host("https://api.example.com", undefined, { PANDASTACK_PREVIEW_HOST: "p.example" })).toBe("p.example");
  expect(host("https://api.example.com", "given.example", { PANDASTACK_PREVIEW_HOST: "p.example" })).toBe(
    "given.example",
  );
});
