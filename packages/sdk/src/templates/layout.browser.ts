import { PandaStackError } from "../errors/errors.ts";

const none = (): PandaStackError =>
  new PandaStackError("a page has no files; name the image with its registry", { code: "client.local_file" });

/** A page has no folder that an image could lie in. */
export function layoutFile(): Promise<never> {
  return Promise.reject(none());
}
export function localFile(): Promise<never> {
  return Promise.reject(none());
}
