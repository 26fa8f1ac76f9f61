import { execFile, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { expect, it, onTestFinished } from "vitest";
import { fakeServer, sendJson } from "./support.ts";

const OLDEST_MAJOR = 20;
const REPOSITORY = join(import.meta.dirname, "../../..");

/** An older Node than this one, of those that are promised, where the machine has one. */
const oldNode = (process.env["PATH"] ?? "")
  .split(delimiter)
  .concat("/usr/bin", "/usr/local/bin")
  .map((folder) => join(folder, "node"))
  .find((path) => {
    const { status, stdout } = spawnSync(path, ["--version"], { encoding: "utf8" });
    const major = Number(/^v(\d+)/.exec(stdout ?? "")?.[1]);
    return status === 0 && major >= OLDEST_MAJOR && major < 22;
  });

/** The package as plain JavaScript: the same text without its types. */
function strippedPackage(): string {
  const target = mkdtempSync(join(tmpdir(), "pandastack-old-node-"));
  onTestFinished(() => rmSync(target, { recursive: true }));
  cpSync(join(REPOSITORY, "packages/sdk/src"), join(target, "src"), { recursive: true });
  for (const name of readdirSync(join(target, "src"), { recursive: true, encoding: "utf8" })) {
    if (!name.endsWith(".ts")) continue;
    const path = join(target, "src", name);
    const text = stripTypeScriptTypes(readFileSync(path, "utf8"));
    writeFileSync(path.replace(/\.ts$/, ".js"), text.replaceAll(/(["'])(\.{1,2}\/[^"']+)\.ts\1/g, "$1$2.js$1"));
    rmSync(path);
  }
  writeFileSync(join(target, "package.json"), '{"type":"module"}');
  mkdirSync(join(target, "node_modules"));
  symlinkSync(join(REPOSITORY, "node_modules/ws"), join(target, "node_modules/ws"));
  return target;
}

const itOnOldNode = it.skipIf(oldNode === undefined);

itOnOldNode(
  `runs on Node ${OLDEST_MAJOR}${oldNode === undefined ? " (not run: this machine has none so old)" : ""}`,
  async () => {
    const { url } = await fakeServer((seen, response) => {
      if (seen.url.endsWith("/exec/stream"))
        return response
          .writeHead(200, { "content-type": "text/event-stream" })
          .end('event: stdout\ndata: {"chunk":"out"}\n\nevent: exit\ndata: {"exit_code":0}\n\n');
      if (seen.method === "GET") return sendJson(response, 200, [{ id: "a".repeat(20), status: "running" }]);
      if (seen.method === "DELETE") return response.writeHead(204).end();
      return sendJson(response, 201, { id: "a".repeat(20), status: "running" });
    });
    const program = `
      import { Sandbox } from "./src/index.js";
      import "./src/files/folders.js";
      const via = { baseUrl: ${JSON.stringify(url)}, apiKey: "pds_x" };
      const sandbox = await Sandbox.create({}, via);
      const { stdout } = await sandbox.commands.run("x", { timeoutMs: 5000 });
      const ids = await Sandbox.list({}, via).toArray();
      await sandbox[Symbol.asyncDispose]();
      console.log(stdout, ids.length, sandbox.status);`;
    // Asynchronously: the server lives in this process.
    const run = promisify(execFile);
    const { stdout } = await run(oldNode!, ["--input-type=module", "-e", program], { cwd: strippedPackage() });
    expect(stdout).toBe("out 1 deleted\n");
  },
);
