import { randomBytes, randomInt } from "node:crypto";

const ID_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789";
export const SANDBOX_ID_LENGTH = 20;

/** 20 random characters of `[a-z0-9]` (103 bits): a sandbox's id is also a host name's label. */
export function newSandboxId(): string {
  let id = "";
  for (let i = 0; i < SANDBOX_ID_LENGTH; i++) id += ID_ALPHABET[randomInt(ID_ALPHABET.length)];
  return id;
}

export function newHexId(bytes: number): string {
  return randomBytes(bytes).toString("hex");
}
