import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** Makes the machines that a host agent has written down those of another boot of the host than this one. */
export function asOfAnotherBoot(dataDir: string): void {
  const journal = new DatabaseSync(join(dataDir, "journal", "host.sqlite"));
  try {
    journal
      .prepare(
        "UPDATE sandboxes SET record = json_set(record, '$.machine.bootId', ?) WHERE json_extract(record, '$.machine.bootId') IS NOT NULL",
      )
      .run(randomUUID());
  } finally {
    journal.close();
  }
}
