import { PandaStackError } from "../errors/errors.ts";

/** A page cannot reach its machine's files by their paths. */
function refuse(): Promise<never> {
  const text = "a page has no files of its own: use files.write(path, await file.arrayBuffer()) and files.read(path)";
  return Promise.reject(new PandaStackError(text, { code: "client.local_file" }));
}
export const uploadPath = refuse;
export const downloadPath = refuse;
