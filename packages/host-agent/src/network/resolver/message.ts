/** Just enough of DNS (RFC 1035 §4) to judge a stranger's packet and to refuse it. Nothing here throws on any bytes. */

export const HEADER_BYTES = 12;
const MAX_LABEL_BYTES = 63;
const MAX_NAME_BYTES = 255;
/** What may follow the question of a query: EDNS, a signature. */
const MAX_ADDITIONAL = 2;
const CLASS_IN = 1;
/** Zone transfers and the like are not for sandboxes: 251 IXFR, 252 AXFR. */
const REFUSED_TYPES = new Set([251, 252]);

export const Rcode = { formatError: 1, serverFailure: 2, notImplemented: 4, refused: 5 } as const;

export type Verdict =
  /** `questionEnd`: offset after the only question. */
  | { readonly kind: "query"; readonly questionEnd: number }
  | { readonly kind: "refuse"; readonly rcode: number }
  /** Not even a query: never answered, or two servers could be made to talk to each other for ever. */
  | { readonly kind: "ignore" };

/** What to do with a packet that claims to be a query. */
export function judgeQuery(packet: Buffer): Verdict {
  if (packet.length < HEADER_BYTES || isResponse(packet)) return { kind: "ignore" };
  const opcode = (packet[2]! >> 3) & 15;
  if (opcode !== 0) return { kind: "refuse", rcode: Rcode.notImplemented };
  const [questions, answers, authorities, additional] = [4, 6, 8, 10].map((offset) => packet.readUInt16BE(offset));
  if (questions !== 1 || answers !== 0 || authorities !== 0 || additional! > MAX_ADDITIONAL) {
    return { kind: "refuse", rcode: Rcode.formatError };
  }
  const questionEnd = endOfQuestion(packet);
  if (questionEnd === undefined) return { kind: "refuse", rcode: Rcode.formatError };
  const type = packet.readUInt16BE(questionEnd - 4);
  if (packet.readUInt16BE(questionEnd - 2) !== CLASS_IN || REFUSED_TYPES.has(type)) {
    return { kind: "refuse", rcode: Rcode.refused };
  }
  return { kind: "query", questionEnd };
}

/** True when `answer` belongs to `query`: its id and its question, letter by letter (servers copy the question). */
export function answersQuery(answer: Buffer, query: Buffer, questionEnd: number): boolean {
  if (answer.length < HEADER_BYTES || !isResponse(answer) || answer.readUInt16BE(0) !== query.readUInt16BE(0))
    return false;
  // Servers that can't read a query may answer with no question at all; only an error may look like that.
  if (answer.readUInt16BE(4) === 0) return (answer[3]! & 15) !== 0;
  return (
    answer.readUInt16BE(4) === 1 &&
    answer.subarray(HEADER_BYTES, questionEnd).equals(query.subarray(HEADER_BYTES, questionEnd))
  );
}

/** A reply without records: header with the asker's id, and the question when it is known. */
export function emptyReply(
  query: Buffer,
  options: { rcode: number; isTruncated?: boolean; questionEnd?: number },
): Buffer {
  const reply = Buffer.from(query.subarray(0, options.questionEnd ?? HEADER_BYTES));
  // QR, the query's opcode and "recursion desired", RA.
  reply[2] = 0x80 | (query[2]! & 0x79) | (options.isTruncated ? 0x02 : 0);
  reply[3] = 0x80 | options.rcode;
  reply.fill(0, 4, HEADER_BYTES);
  if (options.questionEnd !== undefined) reply.writeUInt16BE(1, 4);
  return reply;
}

/** The same packet under another id. */
export function withId(packet: Buffer, id: number): Buffer {
  const copy = Buffer.from(packet);
  copy.writeUInt16BE(id, 0);
  return copy;
}

const isResponse = (packet: Buffer): boolean => (packet[2]! & 0x80) !== 0;

/** Offset after the first question. Compression has no place in it: pointers are refused, so this always ends. */
function endOfQuestion(packet: Buffer): number | undefined {
  let offset = HEADER_BYTES;
  for (;;) {
    const length = packet[offset];
    if (length === undefined || length > MAX_LABEL_BYTES) return undefined;
    offset += 1 + length;
    if (offset - HEADER_BYTES > MAX_NAME_BYTES) return undefined;
    if (length === 0) break;
  }
  const end = offset + 4;
  return end <= packet.length ? end : undefined;
}
