import { PandaStackError } from "../errors/errors.ts";

/** Pages have no streams of Node's kind. */
export function connectPort(): Promise<never> {
  const text = "a page cannot open TCP connections: use ports.url() or ports.createPreviewLink() with fetch";
  return Promise.reject(new PandaStackError(text, { code: "client.error" }));
}
