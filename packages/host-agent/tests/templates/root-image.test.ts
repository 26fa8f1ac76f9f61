import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { writeRootImage } from "../../src/templates/root-image.ts";

const whyNot = process.getuid?.() === 0 ? undefined : "needs root: files of many users are unpacked";
const onHost = it.skipIf(whyNot !== undefined);

describe(`root images out of what sandboxes hand over${whyNot === undefined ? "" : ` (not run: ${whyNot})`}`, () => {
  let folder: string;
  let tree: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "pandastack-root-image-"));
    tree = join(folder, "handed-over");
    mkdirSync(join(tree, "etc"), { recursive: true });
    mkdirSync(join(folder, "out"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const image = () => join(folder, "out", "root.img");

  async function write(kind: "ext4" | "erofs"): Promise<void> {
    const archive = join(folder, "root.tar.zst");
    execFileSync("tar", ["--create", "--sparse", "--zstd", `--directory=${tree}`, `--file=${archive}`, "."]);
    await writeRootImage({ archive, image: image(), kind, diskMb: 256, key: "0123456789abcdef0123456789abcdef" });
  }

  onHost("hold its files, and what every machine has of its own", async () => {
    writeFileSync(join(tree, "etc", "greeting"), "hello");
    writeFileSync(join(tree, "etc", "hostname"), "builder");
    await write("ext4");
    const read = (path: string) => execFileSync("debugfs", ["-R", `cat ${path}`, image()], { encoding: "utf8" });
    expect([read("/etc/greeting"), read("/etc/hostname")]).toEqual(["hello", "sandbox\n"]);
    expect(readdirSync(join(folder, "out"))).toEqual(["root.img"]);
  });

  onHost("are written nowhere else, whatever folders are links to", async () => {
    const outside = join(folder, "outside");
    mkdirSync(outside);
    writeFileSync(join(outside, "machine-id"), "the host's");
    rmSync(join(tree, "etc"), { recursive: true });
    symlinkSync(outside, join(tree, "etc"));
    await write("erofs").catch(() => undefined);
    expect(execFileSync("cat", [join(outside, "machine-id")], { encoding: "utf8" })).toBe("the host's");
    expect(readdirSync(outside)).toEqual(["machine-id"]);
  });

  onHost("are not made of files that are holes without end", async () => {
    writeFileSync(join(tree, "holes"), "");
    truncateSync(join(tree, "holes"), 20 * 1024 ** 3);
    await expect(write("erofs")).rejects.toThrow(/File too large/);
    expect(existsSync(image())).toBe(false);
    expect(readdirSync(join(folder, "out"))).toEqual([]);
  });

  onHost("have no devices of the host", async () => {
    execFileSync("mknod", [join(tree, "etc", "disk"), "b", "8", "0"]);
    await expect(write("ext4")).rejects.toThrow(/Operation not permitted/);
    expect(readdirSync(join(folder, "out"))).toEqual([]);
  });
});
