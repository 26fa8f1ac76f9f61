import { isOn, modeBits } from "@pandastack/contracts";
import { FileEntry } from "@pandastack/contracts/host";
import type { Handlers } from "../../calls/call.ts";
import { eventStream, frame } from "../../calls/server-sent-events.ts";
import type { WatchEvent } from "../../hosts/guest.ts";
import type { SandboxRow } from "../../persistence/tables.ts";
import { onSandbox } from "../entry.ts";
import type { SandboxParts } from "../parts.ts";
import { toErrorResponse } from "@pandastack/platform";
import { fileInfo } from "./entries.ts";
import { firstThenRest, listingText, textStream } from "./listing.ts";
import { guestPath } from "./paths.ts";
import { readFile, writeFile } from "./transfer.ts";

type Operations =
  | "readFile"
  | "writeFile"
  | "removeFile"
  | "listFiles"
  | "statFile"
  | "makeDirectory"
  | "moveFile"
  | "changeMode"
  | "changeOwner"
  | "watchFiles";

export function fileHandlers(parts: SandboxParts): Pick<Handlers, Operations> {
  const guestOf = (row: SandboxRow) => parts.host.guest(row.id);
  return {
    readFile: onSandbox(parts, "readFile", (call, row) => readFile(parts, call, row)),
    writeFile: onSandbox(parts, "writeFile", (call, row) => writeFile(parts, call, row)),

    removeFile: onSandbox(parts, "removeFile", async ({ query }, row) => {
      await guestOf(row).fs({ op: "remove", path: guestPath(query.path), recursive: isOn(query.recursive) });
      return { status: 204 };
    }),

    listFiles: onSandbox(parts, "listFiles", async ({ query, signal }, row) => {
      const path = guestPath(query.path ?? "/");
      const entries = guestOf(row).listFiles({
        path,
        ...(query.depth === undefined ? {} : { depth: query.depth }),
        signal,
      });
      // Errors come before the first entry: until then they are statuses.
      return {
        status: 200,
        mediaType: "application/json",
        stream: textStream(listingText(path, await firstThenRest(entries))),
      };
    }),

    statFile: onSandbox(parts, "statFile", async ({ query }, row) => ({
      status: 200,
      body: fileInfo(FileEntry.parse(await guestOf(row).fs({ op: "stat", path: guestPath(query.path) }))),
    })),

    makeDirectory: onSandbox(parts, "makeDirectory", async ({ body }, row) => {
      const entry = await guestOf(row).fs({
        op: "mkdir",
        path: guestPath(body.path),
        parents: true,
        ...(body.mode === undefined || body.mode === null ? {} : { mode: modeBits(body.mode) }),
        ...(body.user === undefined || body.user === null ? {} : { user: body.user }),
      });
      return { status: 201, body: fileInfo(FileEntry.parse(entry)) };
    }),

    moveFile: onSandbox(parts, "moveFile", async ({ body }, row) => {
      await guestOf(row).fs({
        op: "move",
        from: guestPath(body.from),
        to: guestPath(body.to),
        overwrite: body.overwrite ?? true,
      });
      return { status: 204 };
    }),

    changeMode: onSandbox(parts, "changeMode", async ({ body }, row) => {
      await guestOf(row).fs({
        op: "chmod",
        path: guestPath(body.path),
        mode: modeBits(body.mode),
        recursive: body.recursive ?? false,
      });
      return { status: 204 };
    }),

    changeOwner: onSandbox(parts, "changeOwner", async ({ body }, row) => {
      await guestOf(row).fs({
        op: "chown",
        path: guestPath(body.path),
        ...(body.user === undefined || body.user === null ? {} : { user: body.user }),
        ...(body.group === undefined || body.group === null ? {} : { group: body.group }),
        recursive: body.recursive ?? false,
      });
      return { status: 204 };
    }),

    watchFiles: onSandbox(parts, "watchFiles", async ({ query, signal, heartbeatMs }, row) => {
      const events = guestOf(row).watchFiles({ path: guestPath(query.path), recursive: isOn(query.recursive), signal });
      return {
        status: 200,
        mediaType: "text/event-stream",
        stream: eventStream(watchFrames(await firstThenRest(events)), heartbeatMs),
      };
    }),
  };
}

async function* watchFrames(events: AsyncIterable<WatchEvent>): AsyncGenerator<string> {
  try {
    for await (const { event, ...data } of events) yield frame(event, data);
  } catch (error) {
    const { body } = toErrorResponse(error);
    yield frame("error", { error: body.error, code: body.code });
  }
}
