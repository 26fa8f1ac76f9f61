import type { TestProject } from "vitest/node";
import { createLogger } from "@pandastack/platform";
import { openDatabase } from "../../src/persistence/database.ts";
import { migrate } from "../../src/persistence/migrate.ts";
import { TestPostgres } from "./postgres.ts";

declare module "vitest" {
  export interface ProvidedContext {
    postgresFolder: string;
  }
}

/** The schema is made once; every test file gets a copy of it by `CREATE DATABASE … TEMPLATE`. */
export const TEMPLATE_DATABASE = "pandastack_template";

/** One PostgreSQL for the whole run. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const postgres = new TestPostgres();
  await postgres.start();
  await postgres.query("postgres", `create database ${TEMPLATE_DATABASE}`);
  const log = createLogger("test-setup");
  log.level = "error";
  const database = openDatabase(postgres.url(TEMPLATE_DATABASE), log);
  await migrate(database.db, log);
  await database.close();
  project.provide("postgresFolder", postgres.folder);
  return async () => {
    await postgres.stop();
    postgres.remove();
  };
}
