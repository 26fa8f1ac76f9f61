import { NotFoundError } from "./errors.ts";
import type { CallOptions, Http } from "./http.ts";
import type { FileInfo } from "./types.ts";

export type FileContent = string | Uint8Array | ReadableStream<Uint8Array>;

/** Files of a sandbox. Paths are absolute; `..` is normalised. */
export class Files {
  readonly #http: Http;
  readonly #path: string;

  constructor(http: Http, sandboxPath: string) {
    this.#http = http;
    this.#path = `${sandboxPath}/fs`;
  }

  /** A whole file as text. */
  async readText(path: string, options: CallOptions = {}): Promise<string> {
    return new TextDecoder().decode(await this.read(path, options));
  }

  /** A whole file as bytes. */
  async read(path: string, options: CallOptions = {}): Promise<Uint8Array> {
    return new Uint8Array(await new Response(await this.readStream(path, options)).arrayBuffer());
  }

  /** A file of any size, as it comes. */
  async readStream(path: string, options: CallOptions = {}): Promise<ReadableStream<Uint8Array>> {
    const response = await this.#http.open("GET", this.#path, {
      ...options,
      query: { path },
      headers: { accept: "application/octet-stream" },
    });
    return response.body ?? new ReadableStream({ start: (controller) => controller.close() });
  }

  /** Replaces the file whole, or makes it and its folders. A stream may have any length. */
  async write(path: string, content: FileContent, options: CallOptions = {}): Promise<void> {
    await this.#http.json("PUT", this.#path, {
      // The time of an upload depends on its length: no limit unless the caller sets one.
      timeoutMs: content instanceof ReadableStream ? 0 : undefined,
      ...options,
      query: { path },
      body: content,
      headers: { "content-type": "application/octet-stream" },
    });
  }

  async list(path = "/", options: CallOptions = {}): Promise<FileInfo[]> {
    const answer = await this.#http.json<{ entries: FileInfo[] }>("GET", `${this.#path}/dir`, { ...options, query: { path } });
    return answer.entries;
  }

  /** Throws NotFoundError where there is nothing. */
  async stat(path: string, options: CallOptions = {}): Promise<FileInfo> {
    return this.#http.json("GET", `${this.#path}/stat`, { ...options, query: { path } });
  }

  async exists(path: string, options: CallOptions = {}): Promise<boolean> {
    try {
      await this.stat(path, options);
      return true;
    } catch (error) {
      if (error instanceof NotFoundError && error.code === "file.not_found") return false;
      throw error;
    }
  }

  async remove(path: string, options: CallOptions & { recursive?: boolean | undefined } = {}): Promise<void> {
    const { recursive, ...call } = options;
    await this.#http.json("DELETE", this.#path, { ...call, query: { path, recursive } });
  }
}
