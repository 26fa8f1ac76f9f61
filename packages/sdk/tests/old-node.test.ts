import { execFile, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { expect, it, onTestFinished } from "vitest";
import { buildScripts } from "../pack/build.ts";
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

/** A project that has the package as it is published. */
function project(): string {
  const target = mkdtempSync(join(tmpdir(), "pandastack-old-node-"));
  onTestFinished(() => rmSync(target, { recursive: true }));
  const installed = join(target, "node_modules/@pandastack/sdk");
  mkdirSync(installed, { recursive: true });
  buildScripts(installed);
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
      import { Sandbox } from "@pandastack/sdk";
      const via = { baseUrl: ${JSON.stringify(url)}, apiKey: "pds_x" };
      const sandbox = await Sandbox.create({}, via);
      const { stdout } = await sandbox.commands.run("x", { timeoutMs: 60_000 });
      const ids = await Sandbox.list({}, via).toArray();
      // Loaded when it is asked for.
      await sandbox.files.upload("/nonexistent", "/root/x").catch((error) => {
        if (error.code !== "client.local_file") throw error;
      });
      await sandbox[Symbol.asyncDispose]();
      console.log(stdout, ids.length, sandbox.status);`;
    // Asynchronously: the server lives in this process.
    const run = promisify(execFile);
    const { stdout } = await run(oldNode!, ["--input-type=module", "-e", program], { cwd: project() });
    expect(stdout).toBe("out 1 deleted\n");
  },
  60_000,
);
