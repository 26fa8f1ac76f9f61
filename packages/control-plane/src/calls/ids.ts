import { createHash } from "node:crypto";
import { SANDBOX_ID_LENGTH } from "@pandastack/platform";

const ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789";

/** A sandbox id that belongs to this seed and purpose, today and in a repetition: 20 characters of `[a-z0-9]`. */
export function deriveSandboxId(seed: string, purpose: string): string {
  // Each character from its own 3 bytes: the bias of 2^24 mod 36 is one in a million.
  const digest = createHash("sha512").update(`sandbox\0${seed}\0${purpose}`).digest();
  let id = "";
  for (let i = 0; i < SANDBOX_ID_LENGTH; i++) id += ALPHABET[digest.readUIntBE(i * 3, 3) % ALPHABET.length];
  return id;
}

/** A version 4 UUID that belongs to this seed and purpose. */
export function deriveUuid(seed: string, purpose: string): string {
  const bytes = createHash("sha256").update(`uuid\0${seed}\0${purpose}`).digest();
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString("hex", 0, 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
