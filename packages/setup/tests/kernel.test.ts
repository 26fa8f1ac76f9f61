import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { decompressKernel } from "../src/artifacts/kernel.ts";
import { loadingOrder, parseDependencies } from "../src/artifacts/modules.ts";

const kernel = Buffer.concat([
  Buffer.from("\x7fELF", "latin1"),
  randomBytes(5000),
  Buffer.alloc(20_000, "linux "),
  randomBytes(5000),
]);

/** A bzImage as the boot protocol lays it out: setup sectors, some code, the payload, more code. */
function bzImage(payload: Buffer): Buffer {
  const setup = Buffer.alloc(512 * 5);
  setup[0x1f1] = 4;
  setup.write("HdrS", 0x202, "latin1");
  setup.writeUInt16LE(0x20f, 0x206);
  setup.writeUInt32LE(700, 0x248);
  setup.writeUInt32LE(payload.length, 0x24c);
  return Buffer.concat([setup, randomBytes(700), payload, randomBytes(300)]);
}

function withSize(stream: Buffer): Buffer {
  const size = Buffer.alloc(4);
  size.writeUInt32LE(kernel.length);
  return Buffer.concat([stream, size]);
}

/** lz4's legacy frame by hand: literals only, and a run that overlaps itself. */
function lz4(data: Buffer): Buffer {
  const length = data.length - 15;
  const lengths = [...Array.from({ length: Math.floor(length / 255) }, () => 255), length % 255];
  const block = Buffer.concat([Buffer.from([0xf0, ...lengths]), data]);
  const frame = Buffer.alloc(8);
  frame.write("02214c18", 0, "hex");
  frame.writeUInt32LE(block.length, 4);
  return Buffer.concat([frame, block]);
}

describe("decompressKernel", () => {
  it.each([
    ["zstd", () => withSize(zstdCompressSync(kernel))],
    ["gzip", () => gzipSync(kernel)],
    ["xz", () => withSize(execFileSync("xz", ["--stdout", "--check=crc32"], { input: kernel }))],
    ["lz4", () => withSize(lz4(kernel))],
  ])("takes the kernel out of a %s payload", (_, payload) => {
    expect(decompressKernel(bzImage(payload())).equals(kernel)).toBe(true);
  });

  it("copies matches that overlap what they write", () => {
    const text = Buffer.concat([Buffer.from("\x7fELF", "latin1"), Buffer.alloc(300, "ab")]);
    // 6 literals (ELF magic and "ab"), then a match of 298 from 2 back.
    const block = Buffer.concat([
      Buffer.from([0x6f]),
      text.subarray(0, 6),
      Buffer.from([2, 0, 255, 24]),
      Buffer.from([0x00]),
    ]);
    const frame = Buffer.alloc(8);
    frame.write("02214c18", 0, "hex");
    frame.writeUInt32LE(block.length, 4);
    const size = Buffer.alloc(4);
    size.writeUInt32LE(text.length);
    expect(decompressKernel(bzImage(Buffer.concat([frame, block, size]))).equals(text)).toBe(true);
  });

  it("takes an ELF file as it is and refuses what is no kernel", () => {
    expect(decompressKernel(kernel)).toBe(kernel);
    expect(() => decompressKernel(randomBytes(4096))).toThrow(/no Linux kernel/);
    expect(() => decompressKernel(bzImage(withSize(zstdCompressSync(randomBytes(100)))))).toThrow(/no ELF/);
    expect(() => decompressKernel(bzImage(Buffer.from("unknown compression")))).toThrow(/unknown here/);
  });
});

describe("modules", () => {
  const dependencies = parseDependencies(
    "kernel/virtio_net.ko.xz: kernel/net_failover.ko.xz kernel/failover.ko.xz\nkernel/net_failover.ko.xz: kernel/failover.ko.xz\nkernel/failover.ko.xz:\nkernel/virtio-rng.ko.xz:\n",
  );

  it("loads each after what it needs, once", () => {
    expect(loadingOrder(["virtio_net", "virtio_rng", "net_failover"], dependencies, new Set())).toEqual([
      "kernel/failover.ko.xz",
      "kernel/net_failover.ko.xz",
      "kernel/virtio_net.ko.xz",
      "kernel/virtio-rng.ko.xz",
    ]);
  });

  it("leaves out what is built in and refuses what is not there", () => {
    expect(loadingOrder(["virtio_blk", "virtio_rng"], dependencies, new Set(["virtio_blk"]))).toEqual([
      "kernel/virtio-rng.ko.xz",
    ]);
    expect(() => loadingOrder(["virtio_blk"], dependencies, new Set())).toThrow(/no module virtio_blk/);
  });
});
