import { readFileSync } from "node:fs";
import { z } from "zod";

/**
 * What every client does, step by step, in words of no language: `client.json` is read by the TypeScript suite here, and by the
 * Python one, waiting and asynchronous, in `python/tests`. Names and options are written as the API has them.
 */
const Expectation = z.json();

/** Of an error: its class. */
const Kind = z.enum([
  "CommandError",
  "ConflictError",
  "InvalidRequestError",
  "NotFoundError",
  "PandaStackError",
  "TimeoutError",
]);

const Step = z.strictObject({
  /** A call: a path from something saved. */
  do: z.string().optional(),
  /** A property, read. Streams are read to their end. */
  get: z.string().optional(),
  /** `$name.path`: something saved. `$unique` within a text: another one in each run. */
  with: z.array(z.json()).optional(),
  options: z.record(z.string(), z.json()).optional(),
  save: z.string().optional(),
  /** So many items of a stream, then it is left. */
  take: z.int().positive().optional(),
  /** So many at once. */
  times: z.int().positive().optional(),
  /** What a callback is told, in one text. */
  hears: z.record(z.string(), z.string()).optional(),
  /** Of objects: these fields, among others. `$some`: one of a list. `$matches`, `$bytes`, `$bytes_contain`: texts and bytes. */
  gives: Expectation.optional(),
  /** `hint`: a regular expression. */
  fails: z.strictObject({ kind: Kind, code: z.string().optional(), hint: z.string().optional() }).optional(),
});
export type Step = z.infer<typeof Step>;
export type Expectation = z.infer<typeof Expectation>;

const Scenario = z.strictObject({
  name: z.string(),
  /** Programs that the fake guest has not; or templates that are built at once, which real ones take minutes for. */
  needs: z.enum(["programs", "builds"]).optional(),
  steps: z.array(Step.refine((step) => (step.do === undefined) !== (step.get === undefined), "either `do` or `get`")),
});
export type Scenario = z.infer<typeof Scenario>;

export const scenarios: Scenario[] = z
  .array(Scenario)
  .parse(JSON.parse(readFileSync(new URL("client.json", import.meta.url), "utf8")));
