/** DNS packets for tests. */
export interface QueryOptions {
  readonly id?: number;
  readonly type?: number;
  readonly class?: number;
  readonly opcode?: number;
}

export const TYPE_A = 1;
export const TYPE_TXT = 16;

export function query(name: string, options: QueryOptions = {}): Buffer {
  const header = Buffer.alloc(12);
  header.writeUInt16BE(options.id ?? 1, 0);
  header[2] = 1 | ((options.opcode ?? 0) << 3);
  header.writeUInt16BE(1, 4);
  const labels = name.split(".").flatMap((label) => [Buffer.from([label.length]), Buffer.from(label)]);
  const end = Buffer.alloc(5);
  end.writeUInt16BE(options.type ?? TYPE_A, 1);
  end.writeUInt16BE(options.class ?? 1, 3);
  return Buffer.concat([header, ...labels, end]);
}

/** The query turned into an answer, with records appended as they are. */
export function answer(
  to: Buffer,
  options: { rcode?: number; records?: readonly Buffer[]; isTruncated?: boolean } = {},
): Buffer {
  const head = Buffer.from(to);
  head[2] = head[2]! | 0x80 | (options.isTruncated ? 2 : 0);
  head[3] = 0x80 | (options.rcode ?? 0);
  head.writeUInt16BE(options.records?.length ?? 0, 6);
  return Buffer.concat([head, ...(options.records ?? [])]);
}

/** A record of the question's name. */
export function record(type: number, data: Buffer): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0xc00c, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt32BE(60, 6);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}

export const aRecord = (address: string): Buffer => record(TYPE_A, Buffer.from(address.split(".").map(Number)));

/** A TXT record of `size` bytes or a little more. */
export function txtRecord(size: number): Buffer {
  const strings = Array.from({ length: Math.ceil(size / 200) }, () =>
    Buffer.concat([Buffer.from([200]), Buffer.alloc(200, "x")]),
  );
  return record(TYPE_TXT, Buffer.concat(strings));
}
