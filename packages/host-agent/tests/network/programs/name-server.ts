import { answer, aRecord, txtRecord } from "../resolver/packets.ts";
import { startFakeServer } from "../resolver/fake-server.ts";
import { serveMethods } from "./rpc.ts";

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
        if (type === 1) return answer(question, { records: [aRecord("198.18.0.2")] });
        return over === "udp"
          ? answer(question, { isTruncated: true })
          : answer(question, { records: [txtRecord(9000)] });
      },
      { address, port: 53 },
    );
  },
});
