import { normaliseName } from "@pandastack/contracts/host";
import type { Ask } from "./exchange.ts";
import type { Forwarder } from "./forwarder.ts";
import { emptyReply, judgeQuery, Rcode } from "./message.ts";
import { addressAnswer, readAddresses, readQuestion, RecordType, type Addresses } from "./records.ts";

/** What a slot's policy has to say about names. */
export interface NameGate {
  /** `name` is undefined for what no machine can be called. */
  judgeName(name: string | undefined): "forward" | "read" | "refuse";
  /** Lets a name's addresses through, for as long as the answer lives at least; answers those that may be told. */
  admit(found: Addresses): Promise<Omit<Addresses, "names">>;
  noteRefusedName(name: string): void;
}

/** Would lead around the rules: other addresses, keys that hide a connection's name. Answered with "there are none". */
const WITHHELD_TYPES = new Set<number>([RecordType.aaaa, RecordType.svcb, RecordType.https]);

/** Like the forwarder's `answer`, for a slot with a policy. Never rejects. */
export async function answerThroughGate(
  gate: NameGate,
  forwarder: Forwarder,
  asked: { packet: Buffer; ask: Ask; signal: AbortSignal },
): Promise<Buffer | undefined> {
  const { packet, ask, signal } = asked;
  const verdict = judgeQuery(packet);
  const question = verdict.kind === "query" ? readQuestion(packet) : undefined;
  if (verdict.kind !== "query" || question === undefined) return forwarder.answer(packet, ask, signal);
  const { questionEnd } = verdict;
  const judged = gate.judgeName(normaliseName(question.name));
  if (judged === "forward") return forwarder.answer(packet, ask, signal);
  if (judged === "refuse" || question.type === RecordType.any) {
    gate.noteRefusedName(question.name);
    return emptyReply(packet, { rcode: Rcode.refused, questionEnd });
  }
  if (WITHHELD_TYPES.has(question.type)) return emptyReply(packet, { rcode: 0, questionEnd });
  const answer = await forwarder.answer(packet, ask, signal);
  if (answer === undefined || question.type !== RecordType.a || (answer[3]! & 15) !== 0) return answer;
  // Truncated: the asker comes again by TCP, and nothing of this part counts.
  if ((answer[2]! & 0x02) !== 0) return emptyReply(packet, { rcode: 0, isTruncated: true, questionEnd });
  const found = readAddresses(answer, questionEnd);
  try {
    if (found !== undefined) return addressAnswer(packet, questionEnd, await gate.admit(found));
  } catch {
    // The slot's rules could not be changed: an address that is told and then refused helps nobody.
  }
  return emptyReply(packet, { rcode: Rcode.serverFailure, questionEnd });
}
