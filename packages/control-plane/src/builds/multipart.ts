import type { Readable } from "node:stream";
import { Busboy } from "@fastify/busboy";
import { CONTEXT_FILES_LIMIT, CONTEXT_LIMIT_BYTES } from "@pandastack/contracts";
import { Refusal } from "@pandastack/platform";
import { contextPath, type ContextFile } from "./context.ts";

const FIELD_LIMIT_BYTES = 1024 * 1024;
const FIELDS_LIMIT = 32;
const BODY_TIMEOUT_MS = 300_000;
/** What a client knows of a file beside its content: its part says `filename="mode=755;name"`. */
const NAME_WITH_MODE = /^mode=([0-7]{3,4});/;

export interface BuildForm {
  readonly fields: Readonly<Record<string, string>>;
  readonly files: Map<string, ContextFile>;
}

/** A build's form: texts by name; every file is one of the context, its field's name its path in it. */
export function readForm(body: Readable, contentType: string | undefined): Promise<BuildForm> {
  if (contentType === undefined || !/^multipart\/form-data\s*;/i.test(contentType)) {
    body.resume();
    throw new Refusal(
      "validation.failed",
      "body: multipart/form-data is needed, with `name` and `dockerfile` or `recipe`",
    );
  }
  return new Promise((resolve, reject) => {
    const form = { fields: {} as Record<string, string>, files: new Map<string, ContextFile>() };
    let bytes = 0;
    let isOver = false;
    const end = (failure?: unknown): void => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      if (failure === undefined) return resolve(form);
      body.unpipe();
      body.resume();
      reject(failure instanceof Refusal ? failure : new Refusal("validation.failed", "body: the form is not whole"));
    };
    const timer = setTimeout(
      () => end(new Refusal("request.timeout", "the form did not arrive in time")),
      BODY_TIMEOUT_MS,
    );
    const parser = new Busboy({
      headers: { "content-type": contentType },
      preservePath: true,
      limits: { fieldSize: FIELD_LIMIT_BYTES, fields: FIELDS_LIMIT, files: CONTEXT_FILES_LIMIT, fieldNameSize: 4_096 },
    });
    parser.on("field", (name, value) => (form.fields[name] = value));
    parser.on("file", (name, content, filename) => {
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
    parser.on("finish", () => end());
    parser.on("error", (error: unknown) => end(error));
    body.once("error", (error) => end(error));
    body.pipe(parser);
  });
}
