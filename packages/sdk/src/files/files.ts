import type { Commands } from "../commands/commands.ts";
import { NotFoundError } from "../errors/errors.ts";
import { type CallOptions, connectionError, type Http } from "../transport/http.ts";
import { Listing } from "../transport/listing.ts";
import type { Stream } from "../transport/stream.ts";
import type { FileInfo } from "../types.ts";
import type { TransferOptions } from "./folders.ts";
import { type FileChange, openWatch } from "./watch.ts";

/** A stream may have any length. */
export type FileContent = string | Uint8Array | ReadableStream<Uint8Array>;

/** Of a file that is written. */
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
  readonly #commands: Commands;

  constructor(http: Http, sandboxPath: string, commands: Commands) {
    this.#http = http;
    this.#path = `${sandboxPath}/fs`;
    this.#commands = commands;
  }

  /**
   * A whole file as text, UTF-8.
   * @throws NotFoundError (`file.not_found`)
   */
  async readText(path: string, options: CallOptions = {}): Promise<string> {
    return new TextDecoder().decode(await this.read(path, options));
  }

  /** A whole file as bytes. */
  async read(path: string, options: CallOptions = {}): Promise<Uint8Array> {
    const stream = await this.readStream(path, options);
    try {
      return new Uint8Array(await new Response(stream).arrayBuffer());
    } catch (error) {
      if (options.signal?.aborted) throw options.signal.reason;
      throw connectionError(this.#http.config.baseUrl, error);
    }
  }

  /**
   * A file of any size, or a piece of it, as it comes. `timeoutMs` is for its beginning.
   * @example for await (const chunk of await sandbox.files.readStream("/root/big")) hash.update(chunk);
   */
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

  /**
   * What is in a folder, sorted by name; with `depth` what is in the folders below too.
   * @example for await (const file of sandbox.files.list("/root")) console.log(file.path, file.size);
   * @example const files = await sandbox.files.list("/root").toArray();
   */
  list(path = "/", options: CallOptions & { depth?: number | undefined } = {}): Listing<FileInfo> {
    const { depth, ...call } = options;
    return Listing.of(async () => {
      const query = { path, depth };
      return (await this.#http.json<{ entries: FileInfo[] }>("GET", `${this.#path}/dir`, { ...call, query })).entries;
    });
  }

  /**
   * One file or folder.
   * @throws NotFoundError (`file.not_found`) where there is nothing
   */
  async stat(path: string, options: CallOptions = {}): Promise<FileInfo> {
    return this.#http.json("GET", `${this.#path}/stat`, { ...options, query: { path } });
  }

  /** Whether there is something, of whatever kind. */
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
    return this.#http.json("POST", `${this.#path}/mkdir`, {
      ...call,
      json: { path, mode, user },
      isRepeatable: true,
    });
  }

  /** Moves or renames. What is at `to` is replaced, unless `overwrite` is false. */
  async move(from: string, to: string, options: CallOptions & { overwrite?: boolean | undefined } = {}): Promise<void> {
    const { overwrite, ...call } = options;
    await this.#http.json("POST", `${this.#path}/move`, { ...call, json: { from, to, overwrite } });
  }

  /**
   * Changes the mode; with `recursive` of all that is in a folder too.
   * @param mode octal, such as `"755"`
   */
  async chmod(
    path: string,
    mode: string,
    options: CallOptions & { recursive?: boolean | undefined } = {},
  ): Promise<void> {
    const { recursive, ...call } = options;
    const json = { path, mode, recursive };
    await this.#http.json("POST", `${this.#path}/chmod`, { ...call, json, isRepeatable: true });
  }

  /** Changes owner or group, each a name or a number; with `recursive` of all that is in a folder too. */
  async chown(
    path: string,
    owner: { user?: string | undefined; group?: string | undefined },
    options: CallOptions & { recursive?: boolean | undefined } = {},
  ): Promise<void> {
    const { recursive, ...call } = options;
    const json = { path, user: owner.user, group: owner.group, recursive };
    await this.#http.json("POST", `${this.#path}/chown`, { ...call, json, isRepeatable: true });
  }

  /** A folder that is not empty goes only with `recursive`. */
  async remove(path: string, options: CallOptions & { recursive?: boolean | undefined } = {}): Promise<void> {
    const { recursive, ...call } = options;
    await this.#http.json("DELETE", this.#path, { ...call, query: { path, recursive } });
  }

  /**
   * What changes below a path, from now on: it answers once nothing can be missed, and ends when you leave the loop.
   * @example
   * await using changes = await sandbox.files.watch("/root/src", { recursive: true });
   * for await (const change of changes) console.log(change.kind);
   */
  async watch(
    path: string,
    options: CallOptions & { recursive?: boolean | undefined } = {},
  ): Promise<Stream<FileChange>> {
    const { recursive, ...call } = options;
    return openWatch(this.#http, `${this.#path}/watch`, { path, recursive }, call);
  }

  /**
   * Copies a file or a whole folder of this machine into the sandbox, under exactly the name `to`; modes are kept. Folders need
   * `tar` here. Without `timeoutMs` it takes as long as it takes.
   * @example await sandbox.files.upload("./src", "/root/src", { onProgress: ({ bytes }) => console.log(bytes) });
   */
  async upload(from: string, to: string, options: TransferOptions = {}): Promise<void> {
    const { uploadPath } = await import("#folders");
    await uploadPath({ files: this, commands: this.#commands }, from, to, options);
  }

  /**
   * Copies a file or a whole folder of the sandbox to this machine, under exactly the name `to`. A file is replaced whole.
   * @example await sandbox.files.download("/root/report", "./report");
   */
  async download(from: string, to: string, options: TransferOptions = {}): Promise<void> {
    const { downloadPath } = await import("#folders");
    await downloadPath({ files: this, commands: this.#commands }, from, to, options);
  }
}
