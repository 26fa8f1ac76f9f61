import { once } from "node:events";
import {
  Agent,
  type ClientRequest,
  createServer,
  type IncomingMessage,
  request,
  type RequestListener,
} from "node:http";
import { duplexPair, Readable, type Duplex } from "node:stream";

const NO_BODY = new Set([204, 205, 304]);

/**
 * `fetch` to this server itself, over connections that never leave the process: what comes in so is routed, authenticated,
 * counted and written down like any other request, and ends like one when its caller goes.
 */
export class InsideDoor {
  readonly #agent: Agent;

  constructor(serve: RequestListener) {
    const server = createServer({ requestTimeout: 0 }, serve);
    this.#agent = new PairAgent((socket) => server.emit("connection", socket));
  }

  /** `requestId`: of the request that it is done for. */
  fetchFor(requestId: string): typeof fetch {
    return async (input, init = {}) => {
      const url = new URL(input instanceof Request ? input.url : input);
      const outgoing = request({
        agent: this.#agent,
        method: init.method ?? "GET",
        host: url.host,
        path: `${url.pathname}${url.search}`,
        headers: { ...Object.fromEntries(new Headers(init.headers)), "x-request-id": requestId },
        ...(init.signal ? { signal: init.signal } : {}),
      });
      // Before the body: a refusal may come while it is still being sent.
      // What breaks later is told by the answer, which it breaks.
      outgoing.on("error", () => {});
      const answered = once(outgoing, "response") as Promise<[IncomingMessage]>;
      send(init.body, outgoing);
      const [answer] = await answered;
      return toResponse(answer);
    };
  }
}

/** Node's own HTTP client, with the other end of each connection in this process. */
class PairAgent extends Agent {
  readonly #accept: (socket: Duplex) => void;

  constructor(accept: (socket: Duplex) => void) {
    super({ keepAlive: false });
    this.#accept = accept;
  }

  override createConnection(): Duplex {
    const [near, far] = duplexPair();
    // A pair's ends do not tell each other that they were destroyed; a socket's would.
    near.once("close", () => far.destroy());
    far.once("close", () => near.destroy());
    this.#accept(far);
    return near;
  }
}

/** What the SDK sends: text, bytes, or a stream of them. */
function send(body: RequestInit["body"], outgoing: ClientRequest): void {
  if (body === undefined || body === null) outgoing.end();
  else if (typeof body === "string" || body instanceof Uint8Array) outgoing.end(body);
  else if (body instanceof ReadableStream) sendStream(Readable.fromWeb(body as never), outgoing);
  else throw new TypeError("a body of this kind is not sent from inside");
}

/** `pipe` alone tells neither side of the other's end. Nor may a refusal, which can come first, be lost with the request. */
function sendStream(body: Readable, outgoing: ClientRequest): void {
  let answer: IncomingMessage | undefined;
  outgoing.once("response", (response) => (answer = response));
  body.once("error", (error) => {
    if (answer === undefined || answer.complete) outgoing.destroy(error);
    else answer.once("end", () => outgoing.destroy());
  });
  outgoing.once("close", () => body.destroy());
  body.pipe(outgoing);
}

function toResponse(answer: IncomingMessage): Response {
  const status = answer.statusCode ?? 500;
  const headers = new Headers();
  for (const [name, value] of Object.entries(answer.headers)) if (value !== undefined) headers.set(name, String(value));
  if (!NO_BODY.has(status)) return new Response(Readable.toWeb(answer) as ReadableStream, { status, headers });
  answer.resume();
  return new Response(null, { status, headers });
}
