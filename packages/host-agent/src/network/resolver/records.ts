import { HEADER_BYTES } from "./message.ts";

/** As many addresses as fit into an answer for askers without EDNS (512 bytes), whatever the name's length. */
export const MAX_ADDRESSES = 15;
const MAX_RECORDS = 128;
/** Aliases that lead to an address, one after the other. */
const MAX_ALIASES = 16;
const MAX_POINTERS = 32;
const MAX_NAME_BYTES = 255;
const CLASS_IN = 1;
export const RecordType = { a: 1, cname: 5, any: 255, aaaa: 28, svcb: 64, https: 65 } as const;

export interface Addresses {
  /** The name that was asked for and its aliases, in small letters, without a dot at the end. */
  readonly names: readonly string[];
  readonly addresses: readonly string[];
  /** The least of all records on the way. */
  readonly ttlSeconds: number;
}

interface ResourceRecord {
  readonly name: string;
  readonly type: number;
  readonly ttlSeconds: number;
  readonly dataAt: number;
  readonly dataBytes: number;
}

/** Name and type that a packet with one question asks for. */
export function readQuestion(packet: Buffer): { name: string; type: number } | undefined {
  const name = readName(packet, HEADER_BYTES);
  if (name === undefined || name.end + 4 > packet.length) return undefined;
  return { name: name.text, type: packet.readUInt16BE(name.end) };
}

/**
 * The IPv4 addresses in an answer that its question leads to, over any aliases, in whatever order the records are. Records of
 * other names are nobody's business. Undefined for what is no answer. Never throws, and ends on any bytes.
 */
export function readAddresses(answer: Buffer, questionEnd: number): Addresses | undefined {
  const question = readQuestion(answer);
  const records = question && readRecords(answer, questionEnd);
  if (question === undefined || records === undefined) return undefined;
  const names = [question.name];
  let ttlSeconds = Number.MAX_SAFE_INTEGER;
  for (let name = question.name; names.length <= MAX_ALIASES;) {
    const alias = records.find((record) => record.type === RecordType.cname && record.name === name);
    if (alias === undefined) {
      const found = records.filter(
        (record) => record.type === RecordType.a && record.name === name && record.dataBytes === 4,
      );
      for (const record of found) ttlSeconds = Math.min(ttlSeconds, record.ttlSeconds);
      const addresses = found.map(({ dataAt }) => [...answer.subarray(dataAt, dataAt + 4)].join("."));
      return { names, addresses: [...new Set(addresses)], ttlSeconds: found.length === 0 ? 0 : ttlSeconds };
    }
    const target = readName(answer, alias.dataAt);
    if (target === undefined || names.includes(target.text)) return undefined;
    ttlSeconds = Math.min(ttlSeconds, alias.ttlSeconds);
    names.push((name = target.text));
  }
  return undefined;
}

/** An answer with these addresses and nothing else, whatever aliases led to them. */
export function addressAnswer(query: Buffer, questionEnd: number, found: Omit<Addresses, "names">): Buffer {
  const addresses = found.addresses.slice(0, MAX_ADDRESSES);
  const head = Buffer.from(query.subarray(0, questionEnd));
  head[2] = 0x80 | (query[2]! & 0x79);
  head[3] = 0x80;
  head.fill(0, 4, HEADER_BYTES);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(addresses.length, 6);
  const records = addresses.map((address) => {
    const record = Buffer.alloc(16);
    record.writeUInt16BE(0xc000 | HEADER_BYTES, 0);
    record.writeUInt16BE(RecordType.a, 2);
    record.writeUInt16BE(CLASS_IN, 4);
    record.writeUInt32BE(found.ttlSeconds, 6);
    record.writeUInt16BE(4, 10);
    record.set(address.split(".").map(Number), 12);
    return record;
  });
  return Buffer.concat([head, ...records]);
}

/** A question for a name's IPv4 addresses; `name` has labels of at most 63 ASCII characters. */
export function addressQuery(name: string, id: number): { query: Buffer; questionEnd: number } {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(id, 0);
  header[2] = 0x01; // recursion desired
  header.writeUInt16BE(1, 4);
  const labels = name.split(".").map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  const query = Buffer.concat([header, ...labels, Buffer.from([0, 0, RecordType.a, 0, CLASS_IN])]);
  return { query, questionEnd: query.length };
}

function readRecords(packet: Buffer, from: number): ResourceRecord[] | undefined {
  const count = packet.readUInt16BE(6);
  if (count > MAX_RECORDS) return undefined;
  const records: ResourceRecord[] = [];
  let offset = from;
  for (let index = 0; index < count; index++) {
    const name = readName(packet, offset);
    if (name === undefined || name.end + 10 > packet.length) return undefined;
    const dataAt = name.end + 10;
    const dataBytes = packet.readUInt16BE(name.end + 8);
    if (dataAt + dataBytes > packet.length) return undefined;
    const isInternet = packet.readUInt16BE(name.end + 2) === CLASS_IN;
    const ttl = packet.readUInt32BE(name.end + 4);
    // A lifetime with the highest bit set means zero (RFC 2181 §8).
    const record = { name: name.text, type: packet.readUInt16BE(name.end), dataAt, dataBytes };
    if (isInternet) records.push({ ...record, ttlSeconds: ttl > 0x7fff_ffff ? 0 : ttl });
    offset = dataAt + dataBytes;
  }
  return records;
}

/** A name, compressed or not. A label with a dot or a byte that is no ASCII in it becomes one that matches nothing. */
function readName(packet: Buffer, from: number): { text: string; end: number } | undefined {
  const labels: string[] = [];
  let offset = from;
  let end: number | undefined;
  let bytes = 0;
  for (let pointers = 0; ;) {
    const length = packet[offset];
    if (length === undefined) return undefined;
    if (length >= 0xc0) {
      const low = packet[offset + 1];
      if (low === undefined || ++pointers > MAX_POINTERS) return undefined;
      end ??= offset + 2;
      offset = ((length & 0x3f) << 8) | low;
      continue;
    }
    if (length > 63 || offset + 1 + length > packet.length) return undefined;
    offset += 1 + length;
    if (length === 0) return { text: labels.join("."), end: end ?? offset };
    bytes += length + 1;
    if (bytes > MAX_NAME_BYTES) return undefined;
    const label = packet.toString("latin1", offset - length, offset).toLowerCase();
    labels.push(label.includes(".") ? label.replaceAll(".", "\\.") : label);
  }
}
