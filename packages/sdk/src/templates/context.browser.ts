import { PandaStackError } from "../errors/errors.ts";

/** A page has no folder to copy from. */
export function collectContext(): never {
  throw new PandaStackError("a page has no folder that COPY could take files from", { code: "client.local_file" });
}
