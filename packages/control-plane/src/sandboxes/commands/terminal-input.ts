import { z } from "zod";

export type TerminalInput =
  | { readonly kind: "bytes"; readonly data: Buffer }
  | { readonly kind: "resize"; readonly rows: number; readonly cols: number };

const Size = z.object({ rows: z.int().min(1).max(1000), cols: z.int().min(1).max(1000) });
const Control = z.union([
  z.object({ resize: Size }),
  Size.extend({ type: z.literal("resize") }),
  z.object({ stdin: z.string() }),
  z.object({ type: z.enum(["stdin", "input", "data"]), data: z.string() }),
]);

/** What a caller's message means, in every form that clients have ever sent. Text that is no control message is typed. */
export function parseTerminalInput(bytes: Buffer, isBinary: boolean): TerminalInput {
  if (isBinary) return { kind: "bytes", data: bytes };
  let parsed: unknown;
  try {
    parsed = JSON.parse(bytes.toString("utf8"));
  } catch {
    return { kind: "bytes", data: bytes };
  }
  const control = Control.safeParse(parsed);
  if (!control.success) return { kind: "bytes", data: bytes };
  const message = control.data;
  if ("resize" in message) return { kind: "resize", ...message.resize };
  if ("rows" in message) return { kind: "resize", rows: message.rows, cols: message.cols };
  return { kind: "bytes", data: Buffer.from("stdin" in message ? message.stdin : message.data) };
}
