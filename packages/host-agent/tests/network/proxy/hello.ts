/** TLS first messages for tests. */
export interface HelloOptions {
  readonly name?: string;
  readonly extensions?: readonly { type: number; data: Buffer }[];
  /** Payload bytes of each record. */
  readonly recordBytes?: number;
}

export const ENCRYPTED_CLIENT_HELLO = 0xfe0d;

export function clientHello(options: HelloOptions = {}): Buffer {
  const extensions = [...(options.extensions ?? [])];
  if (options.name !== undefined) {
    const entry = Buffer.concat([Buffer.from([0]), sized(2, Buffer.from(options.name, "latin1"))]);
    extensions.push({ type: 0, data: sized(2, entry) });
  }
  const list = extensions.map(({ type, data }) => Buffer.concat([number(2, type), sized(2, data)]));
  const body = Buffer.concat([
    number(2, 0x0303),
    Buffer.alloc(32, 7),
    sized(1, Buffer.alloc(32, 1)),
    sized(2, Buffer.from([0x13, 0x01, 0x13, 0x02])),
    sized(1, Buffer.from([0])),
    ...(extensions.length === 0 ? [] : [sized(2, Buffer.concat(list))]),
  ]);
  const message = Buffer.concat([Buffer.from([1]), sized(3, body)]);
  const records: Buffer[] = [];
  const size = options.recordBytes ?? message.length;
  for (let offset = 0; offset < message.length; offset += size)
    records.push(Buffer.concat([Buffer.from([22, 3, 1]), sized(2, message.subarray(offset, offset + size))]));
  return Buffer.concat(records);
}

function number(bytes: number, value: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntBE(value, 0, bytes);
  return buffer;
}

const sized = (bytes: number, data: Buffer): Buffer => Buffer.concat([number(bytes, data.length), data]);
