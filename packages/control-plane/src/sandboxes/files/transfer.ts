import type { Readable } from "node:stream";
import { isOn, modeBits } from "@pandastack/contracts";
import type { Answer, Call } from "../../calls/call.ts";
import { syncSandbox } from "../service/sync.ts";
import { readyFor } from "../service/enter.ts";
import type { SandboxRow } from "../../persistence/tables.ts";
import type { SandboxParts } from "../parts.ts";
import { findSandbox } from "../store.ts";
import { guestPath } from "./paths.ts";

/** What a browser must not do with bytes from a sandbox on the API's own origin: run them. */
export const INERT_HEADERS = {
  "content-security-policy": "sandbox; default-src 'none'",
  "x-content-type-options": "nosniff",
  "content-disposition": "attachment",
} as const;

/** A file's bytes, as the guest sends them and as fast as the caller reads. */
export async function readFile(
  parts: SandboxParts,
  call: Call<"readFile">,
  row: SandboxRow,
): Promise<Answer<"readFile">> {
  const { path, offset, length } = call.query;
  const { body, lengthBytes } = await parts.host.guest(row.id).readFile({
    path: guestPath(path),
    ...(offset === undefined ? {} : { offset }),
    ...(length === undefined ? {} : { length }),
    signal: call.signal,
  });
  return {
    status: 200,
    stream: body,
    mediaType: "application/octet-stream",
    headers: { ...INERT_HEADERS, ...(lengthBytes === undefined ? {} : { "content-length": String(lengthBytes) }) },
  };
}

/**
 * A file's new content, as fast as the guest takes it. It can be sent only once: so the row is compared with the host first,
 * where other operations are simply done again after the host has refused.
 */
export async function writeFile(
  parts: SandboxParts,
  call: Call<"writeFile">,
  row: SandboxRow,
): Promise<Answer<"writeFile">> {
  await syncSandbox(parts, row.id);
  const { id } = await readyFor(parts, await findSandbox(parts.db, row.workspace, row.id), "use", call.signal);
  const { path, user, mode, append } = call.query;
  const written = await parts.host.guest(id).writeFile(
    {
      path: guestPath(path),
      ...(user === undefined ? {} : { user }),
      ...(mode === undefined ? {} : { mode: modeBits(mode) }),
      append: isOn(append),
      signal: call.signal,
    },
    chunks(call.body),
  );
  return { status: 200, body: written };
}

/**
 * The body without its stream's fate: when the host answers early (no space), its client ends what it reads from, and the
 * caller's connection must live on to be told.
 */
async function* chunks(body: Readable): AsyncGenerator<Uint8Array> {
  for await (const chunk of body.iterator({ destroyOnReturn: false })) yield chunk as Uint8Array;
}
