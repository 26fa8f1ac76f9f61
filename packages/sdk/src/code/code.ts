import { NotFoundError } from "../errors/errors.ts";
import type { CallOptions, Http } from "../transport/http.ts";
import { withinLimit } from "../transport/limit.ts";
import { Listing } from "../transport/listing.ts";
import { Stream } from "../transport/stream.ts";
import type { CodeContextInfo } from "../types.ts";
import { CodeContext } from "./context.ts";
import { type CodeCallbacks, codeEvents, type CodeEvent, collectExecution, type Execution } from "./execution.ts";

/** Known ones; a template may have more. */
export type CodeLanguage = "python" | "javascript" | "typescript" | "bash" | (string & {});

/** How a cell runs. */
export interface ContextRunOptions extends CallOptions, CodeCallbacks {
  /** The code's own limit in milliseconds: it is interrupted then and TimeoutError thrown, code `exec.timeout`. Default: none. */
  timeoutMs?: number | undefined;
  /** For this cell alone. */
  env?: Record<string, string> | undefined;
}

/** How code runs that names its context, or none. */
export interface RunCodeOptions extends ContextRunOptions {
  /** Default python. */
  language?: CodeLanguage | undefined;
  /** A context, or its id. Default: the one that its language has for all who name none. */
  context?: CodeContext | string | undefined;
}

/** What a context is for. */
export interface CreateContextOptions extends CallOptions {
  /** Default python. */
  language?: CodeLanguage | undefined;
  /** Default: the user's home. */
  cwd?: string | undefined;
  /** Name or number. Default root. */
  user?: string | undefined;
  /** For all of its cells. */
  env?: Record<string, string> | undefined;
}

/** For the answer to come here after the code's own limit, and after an interrupt that takes its time. */
const ANSWER_GRACE_MS = 30_000;

/** Code with state: variables stay from cell to cell, pictures and tables come back as such. */
export class Code {
  readonly #http: Http;
  readonly #path: string;

  constructor(http: Http, sandboxPath: string) {
    this.#http = http;
    this.#path = `${sandboxPath}/code`;
  }

  /**
   * Runs code to its end. Code that fails is an answer with `error`; aborting interrupts it.
   * @example
   * await sandbox.code.run("x = 20");
   * const { text } = await sandbox.code.run("x + 1");
   * @example const { results } = await sandbox.code.run("import pandas; pandas.DataFrame({'a': [1]})");
   * @throws TimeoutError (`exec.timeout`) after `timeoutMs`; its context stays, with its variables
   */
  run(code: string, options: RunCodeOptions = {}): Promise<Execution> {
    const timeoutMs = options.timeoutMs ? options.timeoutMs + ANSWER_GRACE_MS : undefined;
    return withinLimit({ signal: options.signal, timeoutMs }, (signal) =>
      collectExecution(this.stream(code, { ...options, signal }), options),
    );
  }

  /**
   * What it says as it comes. Leaving the loop early interrupts the code.
   * @example for await (const event of sandbox.code.stream("print(1)")) console.log(event);
   */
  stream(code: string, options: RunCodeOptions = {}): Stream<CodeEvent> {
    return new Stream((signal) => this.#events(code, options, signal), options.signal);
  }

  /**
   * A context of its own.
   * @example
   * const context = await sandbox.code.createContext({ language: "javascript", cwd: "/tmp" });
   * await context.run("const answer = 42");
   */
  async createContext(options: CreateContextOptions = {}): Promise<CodeContext> {
    const { signal, timeoutMs, ...json } = options;
    const info = await this.#http.json<CodeContextInfo>("POST", `${this.#path}/contexts`, { signal, timeoutMs, json });
    return new CodeContext(this.#http, this.#path, this, info);
  }

  /** All contexts, oldest first. */
  listContexts(options: CallOptions = {}): Listing<CodeContext> {
    return Listing.of(async () => {
      const path = `${this.#path}/contexts`;
      const { contexts } = await this.#http.json<{ contexts: CodeContextInfo[] }>("GET", path, options);
      return contexts.map((info) => new CodeContext(this.#http, this.#path, this, info));
    });
  }

  /**
   * A context that is there, by its id.
   * @throws NotFoundError (`code.context_not_found`)
   */
  async getContext(id: string, options: CallOptions = {}): Promise<CodeContext> {
    for await (const context of this.listContexts(options)) if (context.id === id) return context;
    throw new NotFoundError(`there is no context ${JSON.stringify(id)}`, { code: "code.context_not_found" });
  }

  async *#events(code: string, options: RunCodeOptions, signal: AbortSignal): AsyncGenerator<CodeEvent, void> {
    const { language, context, env, timeoutMs } = options;
    const response = await this.#http.open("POST", `${this.#path}/stream`, {
      json: {
        code,
        language,
        context_id: context instanceof CodeContext ? context.id : context,
        env,
        timeout_ms: timeoutMs,
      },
      signal,
      // Its head comes with its turn in the context's queue.
      timeoutMs: 0,
    });
    yield* codeEvents(response.body ?? new ReadableStream());
  }
}
