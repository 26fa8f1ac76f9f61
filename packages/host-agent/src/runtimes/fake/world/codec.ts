/** JSON with buffers and maps in it, for worlds. */

export function encodeWorld(value: unknown): string {
  return JSON.stringify(toPlain(value));
}

export function decodeWorld(text: string): unknown {
  return fromPlain(JSON.parse(text));
}

/** Before `JSON.stringify`, not in its replacer: that one sees a buffer as the array that `Buffer.toJSON` makes of it. */
function toPlain(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Uint8Array) {
    return { $bytes: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64") };
  }
  if (value instanceof Map) return { $map: [...value].map(([key, item]) => [key, toPlain(item)]) };
  if (Array.isArray(value)) return value.map(toPlain);
  const plain: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) plain[key] = toPlain(item);
  return plain;
}

function fromPlain(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(fromPlain);
  if ("$bytes" in value) return Buffer.from(value.$bytes as string, "base64");
  if ("$map" in value)
    return new Map((value.$map as [unknown, unknown][]).map(([key, item]) => [key, fromPlain(item)]));
  for (const [key, item] of Object.entries(value)) (value as Record<string, unknown>)[key] = fromPlain(item);
  return value;
}
