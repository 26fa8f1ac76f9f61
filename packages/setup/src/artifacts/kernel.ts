import { readFileSync, writeFileSync } from "node:fs";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { execFileSync } from "node:child_process";
import { decompressLz4Legacy } from "./lz4.ts";

/**
 * Takes the ELF kernel out of a distribution's compressed one. PVH boot wants the ELF, and booting the compressed image with
 * 2 GiB of memory or more corrupted the initramfs every time.
 */
export async function extractKernel(vmlinuz: string, vmlinux: string): Promise<void> {
  writeFileSync(vmlinux, decompressKernel(readFileSync(vmlinuz)), { mode: 0o644, flush: true });
}

/** Offsets of the setup header: https://docs.kernel.org/arch/x86/boot.html */
const SETUP_SECTS = 0x1f1;
const HEADER_MAGIC = 0x202;
const PROTOCOL_VERSION = 0x206;
const PAYLOAD_OFFSET = 0x248;
const PAYLOAD_LENGTH = 0x24c;

export function decompressKernel(image: Buffer): Buffer {
  if (isElf(image)) return image;
  if (
    image.toString("latin1", HEADER_MAGIC, HEADER_MAGIC + 4) !== "HdrS" ||
    image.readUInt16LE(PROTOCOL_VERSION) < 0x208
  ) {
    throw new Error("this is no Linux kernel image that says where its payload is");
  }
  // 0 means 4, for kernels from the last century; the format still says so.
  const setupSectors = image[SETUP_SECTS] === 0 ? 4 : (image[SETUP_SECTS] as number);
  const start = (setupSectors + 1) * 512 + image.readUInt32LE(PAYLOAD_OFFSET);
  const payload = image.subarray(start, start + image.readUInt32LE(PAYLOAD_LENGTH));
  const kernel = decompress(payload);
  if (!isElf(kernel)) throw new Error("the kernel's payload is no ELF file");
  return kernel;
}

function decompress(payload: Buffer): Buffer {
  // All but gzip, which has it in its own trailer, are followed by the size of what comes out.
  const stream = payload.subarray(0, -4);
  switch (payload.toString("hex", 0, 4)) {
    case "28b52ffd":
      return zstdDecompressSync(stream);
    case "02214c18":
      return decompressLz4Legacy(stream, payload.readUInt32LE(payload.length - 4));
    case "fd377a58":
      return execFileSync("xz", ["--decompress", "--stdout", "--single-stream"], {
        input: stream,
        maxBuffer: 512 * 1024 * 1024,
      });
  }
  if (payload.toString("hex", 0, 2) === "1f8b") return gunzipSync(payload);
  throw new Error(`the kernel is compressed in a way unknown here (it starts with ${payload.toString("hex", 0, 8)})`);
}

function isElf(file: Buffer): boolean {
  return file.toString("latin1", 0, 4) === "\x7fELF";
}
