import type { Readable } from "node:stream";
import { Busboy, type BusboyInstance } from "@fastify/busboy";
import { CONTEXT_FILES_LIMIT, CONTEXT_LIMIT_BYTES } from "@pandastack/contracts";
import type { HostImage } from "@pandastack/contracts/host";
import { Fault, Refusal } from "@pandastack/platform";
import { contextPath, type ContextFile } from "./context.ts";

const FIELD_LIMIT_BYTES = 1024 * 1024;
const FIELDS_LIMIT = 32;
const BODY_TIMEOUT_MS = 300_000;
/** Of one that brings gigabytes. */
const UPLOAD_TIMEOUT_MS = 7_200_000;
/** Files that are no part of a context, where nothing was said that would need one. */
const UPLOADS = ["rootfs", "image"] as const;
/** What a client knows of a file beside its content: its part says `filename="mode=755;name"`. */
const NAME_WITH_MODE = /^mode=([0-7]{3,4});/;

/** It is shown as what the template is made of. */
const shownName = (filename: string | undefined): string => (filename ?? "").replace(/[^\x20-\x7e]/g, "?");

export interface BuildForm {
  readonly fields: Readonly<Record<string, string>>;
  readonly files: Map<string, ContextFile>;
  /** By its file's name. */
  readonly upload?: { readonly name: string; readonly image: HostImage };
}

/** Takes a file as it comes: no part of it is held here. */
export type TakeUpload = (kind: (typeof UPLOADS)[number], bytes: AsyncIterable<Uint8Array>) => Promise<HostImage>;

/**
 * A build's form: texts by name; every file is one of the context, its field's name its path in it. Without a Dockerfile or a
 * recipe before it, a file called `rootfs` or `image` is what the template is made of.
 */
export function readForm(body: Readable, contentType: string | undefined, takeUpload: TakeUpload): Promise<BuildForm> {
  if (contentType === undefined || !/^multipart\/form-data\s*;/i.test(contentType)) {
    body.resume();
    throw new Refusal(
      "validation.failed",
      "body: multipart/form-data is needed, with `name`, and `dockerfile`, `recipe`, `image_ref`, or a file `rootfs` or `image`",
    );
  }
  const parser = parserOf(contentType, body);
  return new Promise((resolve, reject) => {
    const form: { fields: Record<string, string>; files: BuildForm["files"]; upload?: BuildForm["upload"] } = {
      fields: {},
      files: new Map(),
    };
    let taking: Promise<void> | undefined;
    let taken: Readable | undefined;
    let bytes = 0;
    let isOver = false;
    const end = (failure?: unknown): void => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      if (failure === undefined) return resolve(form as BuildForm);
      // What is passed on breaks off as well.
      taken?.destroy();
      body.unpipe();
      body.resume();
      reject(
        failure instanceof Refusal || failure instanceof Fault
          ? failure
          : new Refusal("validation.failed", "body: the form is not whole"),
      );
    };
    const late = () => end(new Refusal("request.timeout", "the form did not arrive in time"));
    let timer = setTimeout(late, BODY_TIMEOUT_MS);
    parser.on("field", (name, value) => (form.fields[name] = value));
    const take = (kind: (typeof UPLOADS)[number], content: Readable, filename: string | undefined): void => {
      clearTimeout(timer);
      timer = setTimeout(late, UPLOAD_TIMEOUT_MS);
      taken = content;
      body.once("close", () => {
        if (!body.readableEnded) content.destroy();
      });
      taking = takeUpload(kind, content as AsyncIterable<Uint8Array>).then(
        (image) => void (form.upload = { name: shownName(filename) || kind, image }),
        (error: unknown) => end(error),
      );
    };
    parser.on("file", (name, content, filename) => {
      // A form that ends in the middle of a file breaks that file, whoever reads it.
      content.on("error", end);
      const kind = UPLOADS.find((one) => one === name);
      const isContext = form.fields["dockerfile"] !== undefined || form.fields["recipe"] !== undefined;
      if (kind !== undefined && !isContext && taking === undefined) return take(kind, content, filename);
      const chunks: Buffer[] = [];
      content.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > CONTEXT_LIMIT_BYTES)
          end(
            new Refusal(
              "validation.body_too_large",
              `the context's files are more than ${CONTEXT_LIMIT_BYTES / 1024 ** 2} MiB; leave out what is not needed with a .dockerignore`,
            ),
          );
        else chunks.push(chunk);
      });
      content.on("end", () => {
        try {
          const mode = NAME_WITH_MODE.exec(filename ?? "")?.[1];
          const file = { bytes: Buffer.concat(chunks), mode: mode === undefined ? 0o644 : Number.parseInt(mode, 8) };
          form.files.set(contextPath(name), file);
        } catch (error) {
          end(error);
        }
      });
    });
    parser.on("filesLimit", () =>
      end(new Refusal("validation.body_too_large", `the context has more than ${CONTEXT_FILES_LIMIT} files`)),
    );
    parser.on("finish", () => void (taking ?? Promise.resolve()).then(() => end()));
    parser.on("error", (error: unknown) => end(error));
    body.once("error", (error) => end(error));
    body.pipe(parser);
  });
}

function parserOf(contentType: string, body: Readable): BusboyInstance {
  try {
    return new Busboy({
      headers: { "content-type": contentType },
      preservePath: true,
      limits: { fieldSize: FIELD_LIMIT_BYTES, fields: FIELDS_LIMIT, files: CONTEXT_FILES_LIMIT, fieldNameSize: 4_096 },
    });
  } catch (error) {
    body.resume();
    throw new Refusal("validation.failed", "body: its content type does not say the form's boundary", { cause: error });
  }
}
