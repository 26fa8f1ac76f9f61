import { sql } from "kysely";

/** Milliseconds since 1970 by the database's clock, which all control planes share. */
export const nowMs = sql<number>`(extract(epoch from clock_timestamp()) * 1000)::bigint`;
