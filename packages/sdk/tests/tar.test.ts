import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { packFolder, unpackInto } from "../src/files/tar.ts";

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "pandastack-tar-"));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

async function archiveOf(text: string): Promise<Buffer> {
  const from = folder();
  writeFileSync(join(from, "file"), text);
  const packed = packFolder(from);
  const chunks: Buffer[] = [];
  for await (const chunk of packed.output) chunks.push(chunk as Buffer);
  await packed.finished;
  return Buffer.concat(chunks);
}

const later = () => new Promise((resolve) => setTimeout(resolve, 300));

it("takes an archive whose end comes late, after tar has seen all that it wants", async () => {
  const archive = await archiveOf("content");
  const to = folder();
  let hasEnded = false;
  await unpackInto(
    to,
    (async function* () {
      yield archive;
      await later();
      yield Buffer.alloc(10_240);
      await later();
      hasEnded = true;
    })(),
  );
  expect(readFileSync(join(to, "file"), "utf8")).toBe("content");
  expect(hasEnded).toBe(true);
});

it("tells what the sender says at the end, and an archive that was cut", async () => {
  const archive = await archiveOf("content".repeat(1000));
  const failing = (async function* () {
    yield archive;
    await later();
    throw new Error("could not read all of it");
  })();
  await expect(unpackInto(folder(), failing)).rejects.toThrow("could not read all of it");
  const cut = (async function* () {
    yield archive.subarray(0, 2000);
  })();
  await expect(unpackInto(folder(), cut)).rejects.toMatchObject({ code: "client.local_file" });
});

it("ends when tar cannot write, however much is still to come", async () => {
  const archive = await archiveOf("content".repeat(1000));
  let sent = 0;
  const endless = (async function* () {
    yield archive.subarray(0, 2000);
    for (;;) {
      sent += 1;
      yield Buffer.alloc(65_536, "x");
    }
  })();
  await expect(unpackInto(join(folder(), "missing"), endless)).rejects.toMatchObject({ code: "client.local_file" });
  expect(sent).toBeGreaterThan(0);
});
