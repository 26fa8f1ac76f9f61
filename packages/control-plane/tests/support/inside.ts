import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { ask, type Answer, type Ask } from "./http.ts";
import { ADMIN_TOKEN, startTestServer, type TestServer } from "./server.ts";

export const AUTHORISED = { authorization: `Bearer ${ADMIN_TOKEN}` };

type Handle = (request: IncomingMessage, response: ServerResponse) => void;

/** A control plane and a sandbox with an HTTP server on port 3000 whose behaviour each test chooses. */
export class Inside {
  readonly server: TestServer;
  readonly id: string;
  readonly http = createServer((request, response) => this.handle(request, response));
  handle: Handle = () => {};

  private constructor(server: TestServer, id: string) {
    this.server = server;
    this.id = id;
    server.host.ports.serve(3000, this.http);
    this.answer("from inside");
  }

  static async start(settings: Parameters<typeof startTestServer>[0] = {}): Promise<Inside> {
    const server = await startTestServer(settings);
    return new Inside(server, (await server.api("POST", "/v1/sandboxes")).body.id);
  }

  get url(): string {
    return this.server.url;
  }

  /** Where the port is on the API's own origin. */
  get base(): string {
    return `/v1/sandboxes/${this.id}/proxy/3000`;
  }

  /** What a browser calls the port's own host. */
  host(port = 3000, suffix = "localhost"): string {
    return `${port}-${this.id}.${suffix}:${new URL(this.url).port}`;
  }

  answer(body: string, headers: Record<string, string | string[]> = {}, status = 200): void {
    this.handle = (_request, response) => response.writeHead(status, headers).end(body);
  }

  get(path: string, given: Ask = {}): Promise<Answer> {
    return ask(this.url, this.base + path, { ...given, headers: { ...AUTHORISED, ...given.headers } });
  }

  /** What the server inside saw of one request: the next, by whatever is done. */
  async seen(act: () => Promise<unknown>): Promise<IncomingMessage & { body: string }> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage & { body: string }>();
    this.handle = (request, response) => {
      text(request).then((body) => {
        response.end();
        resolve(Object.assign(request, { body }));
      }, reject);
    };
    await act();
    return promise;
  }

  stop(): Promise<void> {
    return this.server.stop();
  }
}
