/** JSON with buffers and maps in it, for worlds. */

export function encodeWorld(value: unknown): string {
  return JSON.stringify(value, function replace(this: Record<string, unknown>, key: string, current: unknown) {
    // Buffer.toJSON has run by the time a replacer sees the value: look at the holder.
    const original = this[key];
    if (original instanceof Uint8Array) {
      return { $bytes: Buffer.from(original.buffer, original.byteOffset, original.byteLength).toString("base64") };
    }
    if (original instanceof Map) return { $map: [...original] };
    return current;
  });
}

export function decodeWorld(text: string): unknown {
  return JSON.parse(text, (_key, value: unknown) => {
    if (typeof value !== "object" || value === null) return value;
    if ("$bytes" in value) return Buffer.from(value.$bytes as string, "base64");
    if ("$map" in value) return new Map(value.$map as [unknown, unknown][]);
    return value;
  });
}
