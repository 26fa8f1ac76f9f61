/** Every call that makes something carries a key, so that a broken connection may be answered by asking again. */
export function withKey<T extends { idempotencyKey?: string | undefined }>(options: T): T & { idempotencyKey: string } {
  return { ...options, idempotencyKey: options.idempotencyKey ?? newKey() };
}

/** 128 random bits. A page that came without TLS has no `randomUUID`. */
function newKey(): string {
  const random: { randomUUID?(): string } = globalThis.crypto;
  return random.randomUUID?.() ?? hexOf(globalThis.crypto.getRandomValues(new Uint8Array(16)));
}

const hexOf = (bytes: Uint8Array): string => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
