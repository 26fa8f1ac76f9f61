import { answer, aRecord, query, record, txtRecord } from "../resolver/packets.ts";
import { startFakeServer } from "../resolver/fake-server.ts";
import { serveMethods } from "./rpc.ts";

const TYPE_CNAME = 5;
const encoded = (name: string): Buffer => query(name).subarray(12, -4);
const named = (name: string, it: Buffer): Buffer => Buffer.concat([encoded(name), it.subarray(2)]);

/** What names lead to that are not at 198.18.0.2 like all others. */
const RECORDS: Readonly<Record<string, readonly Buffer[]>> = {
  "alias.example.org": [
    named("real.example.net", aRecord("198.18.0.2")),
    record(TYPE_CNAME, encoded("step.example.net")),
    named("step.example.net", record(TYPE_CNAME, encoded("REAL.example.net"))),
  ],
  "circle.example.org": [record(TYPE_CNAME, encoded("circle.example.org"))],
  "rebind.example.org": [aRecord("10.99.0.2")],
  "mixed.example.org": [aRecord("10.99.0.2"), aRecord("169.254.169.254"), aRecord("198.18.0.2")],
  "host.example.org": [aRecord("198.18.0.1")],
};

/** The network's own name server, on a private address: knows every A name, and TXT texts too large for UDP. */
serveMethods({
  start: async (address: string) => {
    await startFakeServer(
      ({ packet, over }) => {
        // The type is the last but one field of a question without EDNS; with EDNS it is found after the name's end.
        const nameEnd = packet.indexOf(0, 12);
        const type = packet.readUInt16BE(nameEnd + 1);
        const question = packet.subarray(0, nameEnd + 5);
        question.writeUInt16BE(0, 10);
        const name = packet
          .subarray(12, nameEnd)
          .toString("latin1")
          .replaceAll(/[^ -~]/g, ".")
          .slice(1)
          .toLowerCase();
        if (type === 1) return answer(question, { records: RECORDS[name] ?? [aRecord("198.18.0.2")] });
        return over === "udp"
          ? answer(question, { isTruncated: true })
          : answer(question, { records: [txtRecord(9000)] });
      },
      { address, port: 53 },
    );
  },
});
