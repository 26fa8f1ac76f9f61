import type { Readable } from "node:stream";
import { Refusal } from "@pandastack/platform";

/** A caller that sends a small body this slowly is not going to finish. */
const BODY_TIMEOUT_MS = 30_000;

const tooLarge = (limitBytes: number) =>
  new Refusal(
    "validation.body_too_large",
    `the body is larger than the workspace's ${limitBytes} bytes; files go to PUT …/fs, which has no limit`,
  );

/**
 * A JSON body, whatever content type it claims: clients send body-less POSTs as text/plain. Undefined when there is none.
 * Too large a one is refused without being kept; what still comes of it is thrown away, so that the caller, who may be in
 * the middle of sending, gets to read the answer.
 */
export async function readJsonBody(
  body: Readable,
  { contentLength, limitBytes }: { contentLength: string | undefined; limitBytes: number },
): Promise<unknown> {
  if (Number(contentLength) > limitBytes) {
    body.resume();
    throw tooLarge(limitBytes);
  }
  const text = await readText(body, limitBytes);
  if (text.trim() === "") return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new Refusal("validation.bad_json", "the body is not valid JSON");
  }
}

/** A bounded body as it is. */
export async function readText(body: Readable, limitBytes: number): Promise<string> {
  return (await readBounded(body, limitBytes)).toString("utf8");
}

function readBounded(body: Readable, limitBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const timer = setTimeout(
      () => finish(new Refusal("request.timeout", "the body did not arrive in time")),
      BODY_TIMEOUT_MS,
    );
    const finish = (failure?: Error) => {
      clearTimeout(timer);
      body.off("data", onData);
      if (failure === undefined) return resolve(Buffer.concat(chunks));
      body.resume();
      reject(failure);
    };
    const onData = (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > limitBytes) finish(tooLarge(limitBytes));
      else chunks.push(chunk);
    };
    body.on("data", onData);
    body.once("end", () => finish());
    body.once("error", () => finish(new Refusal("validation.failed", "the body ended early")));
  });
}
