import { z } from "zod";
import { errorRegistry, type ErrorCode } from "../errors.ts";

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
