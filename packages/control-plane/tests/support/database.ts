import { randomBytes } from "node:crypto";
import { inject } from "vitest";
import { TEMPLATE_DATABASE } from "./global-setup.ts";
import { TestPostgres } from "./postgres.ts";

/** A database of its own for one test file or test: the template's copy, with the current schema and nothing in it. */
export async function createTestDatabase(): Promise<{
  url: string;
  query(text: string): Promise<{ rows: Record<string, unknown>[] }>;
  drop(): Promise<void>;
}> {
  const postgres = new TestPostgres(inject("postgresFolder"));
  const name = `test_${randomBytes(6).toString("hex")}`;
  await postgres.query("postgres", `create database ${name} template ${TEMPLATE_DATABASE}`);
  return {
    url: postgres.url(name),
    query: (text) => postgres.query(name, text),
    drop: async () => {
      await postgres.query("postgres", `drop database ${name} with (force)`);
    },
  };
}
