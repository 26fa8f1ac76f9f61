/** Every call that makes something carries a key, so that a broken connection may be answered by asking again. */
export function withKey<T extends { idempotencyKey?: string | undefined }>(options: T): T & { idempotencyKey: string } {
  return { ...options, idempotencyKey: options.idempotencyKey ?? globalThis.crypto.randomUUID() };
}
