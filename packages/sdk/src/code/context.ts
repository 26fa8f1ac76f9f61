import type { CallOptions, Http } from "../transport/http.ts";
import type { Stream } from "../transport/stream.ts";
import type { CodeContextInfo } from "../types.ts";
import type { Code, ContextRunOptions } from "./code.ts";
import type { CodeEvent, Execution } from "./execution.ts";

/** A kernel of its own: what cells leave in it, nobody else sees. It outlives this program, hibernation and forks. */
export class CodeContext {
  readonly #http: Http;
  readonly #path: string;
  readonly #code: Code;
  readonly info: CodeContextInfo;

  constructor(http: Http, codePath: string, code: Code, info: CodeContextInfo) {
    this.#http = http;
    this.#path = `${codePath}/contexts/${encodeURIComponent(info.id)}`;
    this.#code = code;
    this.info = info;
  }

  /** What others name it by. */
  get id(): string {
    return this.info.id;
  }
  /** What runs in it. */
  get language(): string {
    return this.info.language;
  }

  /** As `code.run`, in this context. */
  run(code: string, options: ContextRunOptions = {}): Promise<Execution> {
    return this.#code.run(code, { ...options, context: this.id });
  }
  /** As `code.stream`, in this context. */
  stream(code: string, options: ContextRunOptions = {}): Stream<CodeEvent> {
    return this.#code.stream(code, { ...options, context: this.id });
  }
  /** A new kernel, without variables. What runs ends with an error. */
  async restart(options: CallOptions = {}): Promise<void> {
    await this.#http.json("POST", `${this.#path}/restart`, options);
  }
  /** As Ctrl-C would. */
  async interrupt(options: CallOptions = {}): Promise<void> {
    await this.#http.json("POST", `${this.#path}/interrupt`, options);
  }
  /** Ends it and frees its memory. */
  async delete(options: CallOptions = {}): Promise<void> {
    await this.#http.json("DELETE", this.#path, options);
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.delete();
  }
}
