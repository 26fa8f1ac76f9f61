/** Headers as `http` hands them over and takes them: names and values in turn, in the order and case of the wire. */
export type RawHeaders = readonly string[];

/** About one connection only, never passed on (RFC 9110, 7.6.1). */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** Every header that is passed on, by `pass`: the value, another one, or undefined for none. `name` is in lower case. */
export function passHeaders(
  raw: RawHeaders,
  pass: (name: string, value: string) => string | undefined,
  options: { readonly keep?: ReadonlySet<string> } = {},
): string[] {
  const nominated = connectionOptions(raw);
  const passed: string[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at]!.toLowerCase();
    const isForHere = HOP_BY_HOP.has(name) || nominated.has(name);
    if (isForHere && options.keep?.has(name) !== true) continue;
    const value = pass(name, raw[at + 1]!);
    if (value !== undefined) passed.push(raw[at]!, value);
  }
  return passed;
}

/** Names that the sender's `Connection` headers say are for this connection. */
function connectionOptions(raw: RawHeaders): Set<string> {
  const names = new Set<string>();
  for (let at = 0; at + 1 < raw.length; at += 2) {
    if (raw[at]!.toLowerCase() !== "connection") continue;
    for (const name of raw[at + 1]!.split(",")) names.add(name.trim().toLowerCase());
  }
  // Framing is never up to the sender: a body whose length is not passed on is a second request.
  for (const name of ["content-length", "host", "transfer-encoding"]) names.delete(name);
  return names;
}
