import { createHmac, timingSafeEqual } from "node:crypto";
import { Refusal } from "@pandastack/platform";

/** What a signed link opens. */
export interface Preview {
  readonly sandboxId: string;
  readonly port: number;
  readonly workspace: string;
  /** Empty: every path. */
  readonly paths: readonly string[];
  /** Seconds since 1970. */
  readonly expires: number;
  /** When it was made: all that are older can be taken back at once. */
  readonly issuedMs: number;
}

const SHAPE = /^([\w-]{1,4000})\.([\w-]{43})$/;
const SEPARATOR = "|";

/** Whether a text can be such a token at all; an API token never can: it has no dot and a signature after it. */
export const looksLikePreviewToken = (text: string): boolean => SHAPE.test(text);

/** base64url of `sandbox|port|expires|workspace|paths|issued`, a dot, and its HMAC-SHA256. */
export function signPreview(preview: Preview, secret: Buffer): string {
  const { sandboxId, port, expires, workspace, paths, issuedMs } = preview;
  const parts = [sandboxId, port, expires, workspace, paths.map(encodeURIComponent).join(","), issuedMs];
  const payload = Buffer.from(parts.join(SEPARATOR)).toString("base64url");
  return `${payload}.${signatureOf(payload, secret).toString("base64url")}`;
}

/** Refuses a token that was not signed with this secret, and one whose time is over. Says of the latter that it was a good one. */
export function readPreview(token: string, secret: Buffer, nowMs: number): Preview {
  const [, payload = "", given = ""] = SHAPE.exec(token) ?? [];
  const signature = Buffer.from(given, "base64url");
  const expected = signatureOf(payload, secret);
  if (signature.length !== expected.length || !timingSafeEqual(signature, expected))
    throw new Refusal(
      "preview.invalid_token",
      "this preview link is not valid: it is incomplete, or from another server",
    );
  const [sandboxId = "", port, expires, workspace = "", paths = "", issuedMs = 0] = Buffer.from(payload, "base64url")
    .toString()
    .split(SEPARATOR);
  const preview: Preview = {
    sandboxId,
    port: Number(port),
    expires: Number(expires),
    workspace,
    paths: paths === "" ? [] : paths.split(",").map(decodeURIComponent),
    issuedMs: Number(issuedMs),
  };
  if (!(preview.expires * 1000 > nowMs))
    throw new Refusal("preview.expired", "this preview link has expired; ask whoever gave it to you for a new one");
  return preview;
}

const signatureOf = (payload: string, secret: Buffer): Buffer =>
  createHmac("sha256", secret).update(`preview\0${payload}`).digest();
