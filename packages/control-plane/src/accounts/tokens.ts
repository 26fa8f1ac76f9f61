import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

/** Ours: `pds_` and 32 hex. Others are accepted as they are: an operator may bring one along. */
const OWN_FORM = /^pds_[0-9a-f]{32}$/;
const PREFIX_LENGTH = "pds_".length + 8;

export function mintToken(): string {
  return `pds_${randomBytes(16).toString("hex")}`;
}

export function hashToken(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}

/** What may be shown of a token, and what it is looked up by. Of a token of unknown form not even the beginning is shown. */
export function tokenPrefix(token: string): string {
  return OWN_FORM.test(token) ? token.slice(0, PREFIX_LENGTH) : `key_${hashToken(token).toString("hex", 0, 4)}`;
}

export function isSameHash(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
