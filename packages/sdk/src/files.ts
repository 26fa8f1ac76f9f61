import { NotFoundError } from "./errors.ts";
import type { CallOptions, Http } from "./http.ts";
import type { FileInfo } from "./types.ts";
import { type FileChange, readChanges } from "./watch.ts";

export type FileContent = string | Uint8Array | ReadableStream<Uint8Array>;

export interface WriteOptions extends CallOptions {
  /** Owner of a new file. Default root. */
  user?: string | undefined;
  /** Octal, such as `"755"`. */
  mode?: string | undefined;
  append?: boolean | undefined;
}

/** Files of a sandbox. Paths are absolute, or relative to /root; `..` is resolved. */
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

  /** A file of any size, or a piece of it, as it comes. */
  async readStream(
    path: string,
    options: CallOptions & { offset?: number | undefined; length?: number | undefined } = {},
  ): Promise<ReadableStream<Uint8Array>> {
    const { offset, length, ...call } = options;
    const headers = { accept: "application/octet-stream" };
    const response = await this.#http.open("GET", this.#path, { ...call, query: { path, offset, length }, headers });
    return response.body ?? new ReadableStream({ start: (controller) => controller.close() });
  }

  /**
   * Replaces the file whole, or makes it and its folders. A stream may have any length.
   * @example await sandbox.files.write("/root/hello.txt", "hello\n");
   */
  async write(path: string, content: FileContent, options: WriteOptions = {}): Promise<void> {
    const { user, mode, append, ...call } = options;
    await this.#http.json("PUT", this.#path, {
      ...call,
      // An upload takes as long as it is: no limit unless the caller sets one.
      timeoutMs: call.timeoutMs ?? (content instanceof ReadableStream ? 0 : undefined),
      query: { path, user, mode, append },
      body: content,
      headers: { "content-type": "application/octet-stream" },
      isRepeatable: append !== true && !(content instanceof ReadableStream),
    });
  }

  /** Sorted by name; with `depth` what is in the folders below too. */
  async list(path = "/", options: CallOptions & { depth?: number | undefined } = {}): Promise<FileInfo[]> {
    const { depth, ...call } = options;
    const answer = await this.#http.json<{ entries: FileInfo[] }>("GET", `${this.#path}/dir`, {
      ...call,
      query: { path, depth },
    });
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

  /** With the folders above it; one that exists is fine. */
  async mkdir(
    path: string,
    options: CallOptions & { mode?: string | undefined; user?: string | undefined } = {},
  ): Promise<FileInfo> {
    const { mode, user, ...call } = options;
    return this.#http.json("POST", `${this.#path}/mkdir`, { ...call, json: { path, mode, user } });
  }

  async move(from: string, to: string, options: CallOptions & { overwrite?: boolean | undefined } = {}): Promise<void> {
    const { overwrite, ...call } = options;
    await this.#http.json("POST", `${this.#path}/move`, { ...call, json: { from, to, overwrite } });
  }

  async remove(path: string, options: CallOptions & { recursive?: boolean | undefined } = {}): Promise<void> {
    const { recursive, ...call } = options;
    await this.#http.json("DELETE", this.#path, { ...call, query: { path, recursive } });
  }

  /** What changes below a path, from now on: it answers once nothing can be missed. */
  async watch(
    path: string,
    options: { recursive?: boolean | undefined; signal?: AbortSignal | undefined } = {},
  ): Promise<AsyncGenerator<FileChange, void>> {
    return readChanges(this.#http, `${this.#path}/watch`, { path, recursive: options.recursive }, options.signal);
  }
}
