/** node examples/folders.ts: a folder goes in, a command works on it, a folder comes out. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Sandbox } from "@pandastack/sdk";

const folder = mkdtempSync(join(tmpdir(), "pandastack-example-"));
try {
  writeFileSync(join(folder, "numbers.txt"), "3\n1\n2\n");

  await using sandbox = await Sandbox.create({ ttlSeconds: 600 });
  await sandbox.files.upload(folder, "/root/in");
  await sandbox.commands.run("mkdir out && sort -n in/numbers.txt > out/sorted.txt", { cwd: "/root", check: true });
  await sandbox.files.download("/root/out", join(folder, "out"));

  console.log(`sorted: ${readFileSync(join(folder, "out/sorted.txt"), "utf8").trim().split("\n").join(" ")}`);
} finally {
  rmSync(folder, { recursive: true });
}
