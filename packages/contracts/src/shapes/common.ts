import { z } from "zod";
import { errorRegistry, type ErrorCode } from "../errors.ts";

/** A switch in a query string: `1` and `true` are on; the bare name (`?follow`) too. */
export const Flag = z.enum(["1", "0", "true", "false", ""]).optional();
export type Flag = z.infer<typeof Flag>;

export function isOn(flag: Flag): boolean {
  return flag === "1" || flag === "true" || flag === "";
}

export const Timestamp = z.iso.datetime({ offset: true }).describe("RFC 3339");

const codes = Object.keys(errorRegistry) as [ErrorCode, ...ErrorCode[]];

/** The one error body of every HTTP surface. */
export const ErrorReply = z
  .object({
    error: z.string().describe("What was wrong, where, and what to do. Shown to people as it is."),
    code: z.enum(codes).describe("Stable: never renamed or reused."),
    retryable: z.boolean().describe("Whether the same request may work a little later."),
    request_id: z.string().optional(),
    details: z.unknown().optional(),
  })
  .meta({ id: "Error" });
export type ErrorReply = z.infer<typeof ErrorReply>;
