import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { expect, it, onTestFinished } from "vitest";

/** PANDASTACK_LARGE_FILE_MB=2048 for the largest that anybody has asked for. */
const SIZE_MB = Number(process.env["PANDASTACK_LARGE_FILE_MB"] ?? 256);
const MB = 1024 * 1024;
/**
 * Buffers on the way, whatever the size: what the collector lets lie, which is its own affair and grows with a busy machine, is
 * taken up before it is counted.
 */
const GROWTH_LIMIT_MB = 32;
const TIMEOUT_MS = 60_000 + SIZE_MB * 200;

it(
  `a file of ${SIZE_MB} MB goes up and down through flat memory of the client`,
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "pandastack-flat-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    for (const [name, mb] of [
      ["warm", 32],
      ["large", SIZE_MB],
    ] as const) {
      writeFileSync(join(folder, name), "");
      truncateSync(join(folder, name), mb * MB);
    }
    const { url, taken } = await swallower();
    const program = `
      import { statSync } from "node:fs";
      const { Sandbox } = await import(${JSON.stringify(join(import.meta.dirname, "../src/index.ts"))});
      const { files } = await Sandbox.get("x", {}, { baseUrl: ${JSON.stringify(url)}, apiKey: "pds_x" });
      let heard = 0;
      const round = async (name) => {
        await files.upload(name, "/root/" + name, { onProgress: ({ bytes }) => (heard = bytes) });
        await files.download("/root/" + name, name + "-back");
      };
      // Twice: what the first finds is given back while it goes on.
      const held = () => {
        gc();
        gc();
        const { heapUsed, external } = process.memoryUsage();
        return heapUsed + external;
      };
      await round("warm");
      const before = held();
      let peak = before;
      let timer;
      const look = () => {
        peak = Math.max(peak, held());
        timer = setTimeout(look, 100);
      };
      look();
      await round("large");
      clearTimeout(timer);
      console.log(JSON.stringify({ grownMb: (Math.max(peak, held()) - before) / ${MB}, heard }));`;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ["--expose-gc", "--input-type=module", "-e", program],
      {
        cwd: folder,
      },
    );
    const { grownMb, heard } = JSON.parse(stdout);
    expect(taken.get("/root/large")).toBe(SIZE_MB * MB);
    expect(statSync(join(folder, "large-back")).size).toBe(SIZE_MB * MB);
    expect(heard).toBe(SIZE_MB * MB);
    expect(grownMb, "megabytes that the client grew by").toBeLessThan(GROWTH_LIMIT_MB);
  },
  TIMEOUT_MS,
);

/** Takes files, keeps their length alone, and gives as many zeros back. */
async function swallower(): Promise<{ url: string; taken: Map<string, number> }> {
  const taken = new Map<string, number>();
  const piece = Buffer.alloc(256 * 1024);
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "", "http://x");
    const path = searchParams.get("path") ?? "";
    const size = taken.get(path) ?? 0;
    const answer = (value: unknown) =>
      response.setHeader("content-type", "application/json").end(JSON.stringify(value));
    if (request.method === "PUT") {
      let bytes = 0;
      request.on("data", (chunk: Buffer) => (bytes += chunk.length));
      request.on("end", () => {
        taken.set(path, bytes);
        answer({ path, bytes });
      });
    } else if (pathname.endsWith("/stat")) answer({ path, size, is_dir: false, mode: "-rw-r--r--" });
    else if (!pathname.endsWith("/fs")) answer({ id: "x", status: "running" });
    else {
      const pieces = function* () {
        for (let left = size; left > 0; left -= piece.length) yield piece.subarray(0, Math.min(left, piece.length));
      };
      void pipeline(pieces, response).catch(() => undefined);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as { port: number };
  return { url: `http://127.0.0.1:${port}`, taken };
}
