import { MAX_HELLO_BYTES } from "./limits.ts";

/**
 * The name in the first message of a TLS connection (RFC 8446 §4.1.2, RFC 6066 §3). Just enough to read it: never throws on any
 * bytes, looks at each of them once or twice, and wants no more than MAX_HELLO_BYTES.
 */
export type HelloVerdict =
  | { readonly kind: "more" }
  | { readonly kind: "bad" }
  /** `name` as it was sent; null when there is none. `hidesName`: an encrypted ClientHello is inside, or may be. */
  | { readonly kind: "hello"; readonly name: string | null; readonly hidesName: boolean };

const BAD = { kind: "bad" } as const;
const MORE = { kind: "more" } as const;
const HANDSHAKE_RECORD = 22;
const RECORD_HEADER_BYTES = 5;
const MAX_RECORD_BYTES = 16_384;
const CLIENT_HELLO = 1;
const HANDSHAKE_HEADER_BYTES = 4;
const RANDOM_BYTES = 32;
const EXTENSION = { serverName: 0, encryptedClientHello: 0xfe0d };
const HOST_NAME = 0;

export function readClientHello(bytes: Buffer): HelloVerdict {
  const message = joinRecords(bytes);
  if (message === undefined) return BAD;
  if (message.length >= 1 && message[0] !== CLIENT_HELLO) return BAD;
  if (message.length < HANDSHAKE_HEADER_BYTES) return bytes.length >= MAX_HELLO_BYTES ? BAD : MORE;
  const end = HANDSHAKE_HEADER_BYTES + message.readUIntBE(1, 3);
  if (end > MAX_HELLO_BYTES) return BAD;
  if (message.length < end) return bytes.length >= MAX_HELLO_BYTES ? BAD : MORE;
  return readBody(new Reader(message.subarray(HANDSHAKE_HEADER_BYTES, end)));
}

/** What the records so far carry of the handshake; undefined when they carry something else. */
function joinRecords(bytes: Buffer): Buffer | undefined {
  const parts: Buffer[] = [];
  let wanted = Number.POSITIVE_INFINITY;
  let have = 0;
  for (let offset = 0; offset < bytes.length && have < wanted;) {
    if (bytes[offset] !== HANDSHAKE_RECORD) return undefined;
    if (offset + 1 < bytes.length && bytes[offset + 1] !== 3) return undefined;
    if (offset + RECORD_HEADER_BYTES > bytes.length) break;
    const length = bytes.readUInt16BE(offset + 3);
    if (length === 0 || length > MAX_RECORD_BYTES) return undefined;
    const part = bytes.subarray(offset + RECORD_HEADER_BYTES, offset + RECORD_HEADER_BYTES + length);
    parts.push(part);
    have += part.length;
    offset += RECORD_HEADER_BYTES + length;
    if (wanted === Number.POSITIVE_INFINITY && have >= HANDSHAKE_HEADER_BYTES)
      wanted = HANDSHAKE_HEADER_BYTES + Buffer.concat(parts).readUIntBE(1, 3);
  }
  return Buffer.concat(parts);
}

function readBody(body: Reader): HelloVerdict {
  body.skip(2 + RANDOM_BYTES);
  body.skip(body.u8()); // session id
  body.skip(body.u16()); // cipher suites
  body.skip(body.u8()); // compression methods
  if (body.isBad) return BAD;
  // Before TLS 1.2 there may be none at all.
  if (body.left === 0) return { kind: "hello", name: null, hidesName: false };
  const extensions = body.part(body.u16());
  if (body.isBad || body.left > 0) return BAD;
  let name: string | null = null;
  let hidesName = false;
  const seen = new Set<number>();
  while (extensions.left > 0) {
    const type = extensions.u16();
    const data = extensions.part(extensions.u16());
    // The same extension twice: whoever reads the other one reads another name.
    if (extensions.isBad || seen.has(type)) return BAD;
    seen.add(type);
    if (type === EXTENSION.encryptedClientHello) hidesName = true;
    if (type !== EXTENSION.serverName) continue;
    const given = readServerName(data);
    if (given === undefined) return BAD;
    name = given;
  }
  return { kind: "hello", name, hidesName };
}

/** A list with one entry, of the only kind that there is. */
function readServerName(data: Reader): string | undefined {
  const list = data.part(data.u16());
  const kind = list.u8();
  const name = list.part(list.u16());
  if (data.isBad || list.isBad || data.left > 0 || list.left > 0 || kind !== HOST_NAME) return undefined;
  return name.text();
}

/** Reads on from where it was; past the end it reads zeros and says so. */
class Reader {
  isBad = false;
  readonly #bytes: Buffer;
  #offset = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#offset;
  }

  u8(): number {
    return this.#take(1)?.readUInt8() ?? 0;
  }

  u16(): number {
    return this.#take(2)?.readUInt16BE() ?? 0;
  }

  skip(count: number): void {
    this.#take(count);
  }

  part(count: number): Reader {
    return new Reader(this.#take(count) ?? Buffer.alloc(0));
  }

  text(): string {
    return this.#bytes.toString("latin1");
  }

  #take(count: number): Buffer | undefined {
    if (this.isBad || count > this.left) {
      this.isBad = true;
      return undefined;
    }
    const part = this.#bytes.subarray(this.#offset, this.#offset + count);
    this.#offset += count;
    return part;
  }
}
