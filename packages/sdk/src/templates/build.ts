import type { TemplateBuildInfo } from "../types.ts";
import { PandaStackError } from "../errors/errors.ts";
import type { CallOptions, Http } from "../transport/http.ts";
import { pause } from "../transport/retry.ts";
import { readServerEvents } from "../transport/sse.ts";
import { Stream } from "../transport/stream.ts";
import type { ContextFile } from "./context.ts";

const POLL_MS = 500;

/** A build of a template, on the server: it goes on without this program. */
export class TemplateBuild {
  readonly #http: Http;
  /** As it was when last asked for. */
  info: TemplateBuildInfo;

  constructor(http: Http, info: TemplateBuildInfo) {
    this.#http = http;
    this.info = info;
  }
  /** Names it: `templates.getBuild(id)` finds it again. */
  get id(): string {
    return this.info.id;
  }

  /** Asks how far it is. */
  async refresh(options: CallOptions = {}): Promise<TemplateBuildInfo> {
    this.info = await this.#http.json("GET", `/templates/builds/${encodeURIComponent(this.id)}`, options);
    return this.info;
  }

  /** Its log from the beginning; with `follow` until its end. */
  logs(options: CallOptions & { follow?: boolean | undefined } = {}): Stream<string> {
    return new Stream((signal) => this.#lines(options, signal), options.signal);
  }

  async *#lines(options: { follow?: boolean | undefined }, signal: AbortSignal): AsyncGenerator<string, void> {
    const response = await this.#http.open("GET", `/templates/builds/${encodeURIComponent(this.id)}/logs`, {
      query: { follow: options.follow },
      headers: { accept: "text/event-stream" },
      signal,
    });
    if (response.body === null) return;
    for await (const { event, data } of readServerEvents(response.body)) {
      if (event === "done") return;
      yield (JSON.parse(data) as { line: string }).line;
    }
  }

  /** Resolves when sandboxes can be made of it; rejects with the step that failed. */
  async done(options: { signal?: AbortSignal } = {}): Promise<TemplateBuildInfo> {
    for (;;) {
      const { status, error } = await this.refresh(options);
      if (status === "done") return this.info;
      if (status === "failed")
        throw new PandaStackError(`the build of ${this.info.name} failed: ${error ?? ""}`, {
          code: "client.build_failed",
        });
      await pause(POLL_MS, options.signal);
    }
  }
}

/** The form that the server takes; a file's mode goes with its name. */
export function buildForm(
  fields: Readonly<Record<string, string | undefined>>,
  files: ReadonlyMap<string, ContextFile>,
): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) form.set(name, value);
  for (const [path, { content, mode }] of files)
    form.set(path, new Blob([content]), `mode=${mode.toString(8)};${path.split("/").at(-1)}`);
  return form;
}
