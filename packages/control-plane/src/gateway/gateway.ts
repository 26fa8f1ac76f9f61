import { ServerResponse, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { beginSpan, Fault, Refusal, type TraceSpan } from "@pandastack/platform";
import { callContext } from "../calls/context.ts";
import type { SandboxRow } from "../persistence/tables.ts";
import type { SandboxParts } from "../sandboxes/parts.ts";
import { addressOf, type GatewayAddress } from "./address.ts";
import { Doorkeeper, type Admission } from "./admission.ts";
import { exchange, type Incoming } from "./exchange.ts";
import { sendFailure } from "./failure-page.ts";
import { openLink } from "./link.ts";
import { OpenVisits } from "./open-visits.ts";
import { PreviewSecret } from "./preview-secret.ts";
import { joinConnections, relayReply } from "./relay.ts";
import { hasBody, requestHeaders } from "./request-headers.ts";
import type { GatewaySettings } from "./settings.ts";
import { TunnelAgent } from "./tunnel-agent.ts";
import { isBrowser } from "./visitor.ts";
import { Waker } from "./waker.ts";

/** A wake usually takes a fraction of a second; a browser shows a page after this long, a program is asked to come again. */
const BROWSER_PATIENCE_MS = 2000;
const PROGRAM_PATIENCE_MS = 5000;
/** Streams that nobody ends are cut when the server stops; whatever has an end reaches it within this, or is started anew. */
const STOP_GRACE_MS = 2000;
/** The one kind of connection that may come of a request; others (`h2c`) would let requests pass that nobody looked at. */
const UPGRADES: ReadonlySet<string> = new Set(["websocket"]);

export interface GatewayParts {
  readonly sandboxes: SandboxParts;
  readonly settings: GatewaySettings;
  readonly isStarted: () => boolean;
  readonly requestIdOf: (headers: IncomingMessage["headers"]) => string;
  /** Called with every answer, for the metrics. */
  readonly onAnswered: (method: string, status: number, seconds: number) => void;
}

/** One request on its way, from the moment it was taken. */
interface Visit {
  readonly address: GatewayAddress;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
  /** The caller's connection, where it asks for another protocol. */
  readonly upgrade: { readonly protocol: string; readonly socket: Duplex; readonly head: Buffer } | undefined;
  readonly expectsContinue: boolean;
  /** Fires when the caller has gone. */
  readonly signal: AbortSignal;
  /** From here until the answer is over; undefined where nothing is traced. */
  readonly span: TraceSpan | undefined;
}

/** Brings requests to servers inside sandboxes and their answers back, piece by piece. Keeps no body. */
export class Gateway {
  readonly secret: PreviewSecret;
  readonly doorkeeper: Doorkeeper;
  readonly #parts: GatewayParts;
  readonly #waker: Waker;
  readonly #open: OpenVisits;
  readonly #agent: TunnelAgent;
  readonly #perSandbox = new Map<string, number>();
  readonly #upgraded = new Set<Duplex>();
  readonly #answering = new Set<ServerResponse>();
  #isStopping = false;

  constructor(parts: GatewayParts) {
    const { sandboxes, settings } = parts;
    this.#parts = parts;
    this.secret = new PreviewSecret(settings.previewSecret);
    this.doorkeeper = new Doorkeeper(sandboxes, this.secret);
    this.#waker = new Waker(sandboxes);
    this.#open = new OpenVisits({ doorkeeper: this.doorkeeper, db: sandboxes.db, log: sandboxes.log });
    this.#agent = new TunnelAgent((id, port) => sandboxes.host.openTunnel(id, port));
  }

  /** What is served over: by the certificate here, or by whoever stands in front. */
  get isSecure(): boolean {
    const { tls, publicUrl } = this.#parts.settings;
    return publicUrl === undefined ? tls !== undefined : publicUrl.protocol === "https:";
  }

  /** Connections that have become something else than HTTP. */
  get upgradedCount(): number {
    return this.#upgraded.size;
  }

  /** Takes a request that is for a sandbox, or that nobody may take; false: it is for the API. */
  take(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): boolean {
    const requestId = this.#parts.requestIdOf(request.headers);
    let address: GatewayAddress | undefined;
    try {
      address = addressOf(request, this.#parts.settings.suffixes);
    } catch (error) {
      sendFailure(error, request, response, requestId);
      return true;
    }
    if (address === undefined || this.#isPreflight(address, request)) return false;
    const gone = goneSignal(response);
    const span = beginVisit(address, request, requestId);
    const visit = { address, request, response, requestId, upgrade: undefined, expectsContinue, signal: gone, span };
    callContext.run({ requestId, traceparent: span?.traceparent }, () => void this.#serve(visit));
    return true;
  }

  takeUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean {
    const requestId = this.#parts.requestIdOf(request.headers);
    const answer = () => {
      const response = new ServerResponse(request);
      response.shouldKeepAlive = false;
      response.assignSocket(socket as never);
      response.once("finish", () => socket.end());
      socket.on("error", () => socket.destroy());
      return response;
    };
    let address: GatewayAddress | undefined;
    try {
      address = addressOf(request, this.#parts.settings.suffixes);
    } catch (error) {
      sendFailure(error, request, answer(), requestId);
      return true;
    }
    if (address === undefined) return false;
    const protocol = request.headers.upgrade?.toLowerCase() ?? "";
    const upgrade = UPGRADES.has(protocol) ? { protocol, socket, head } : undefined;
    const response = answer();
    const gone = goneSignal(socket);
    const span = beginVisit(address, request, requestId);
    const visit = { address, request, response, requestId, upgrade, expectsContinue: false, signal: gone, span };
    callContext.run({ requestId, traceparent: span?.traceparent }, () => void this.#serve(visit));
    return true;
  }

  /** Once the database is there. */
  start(): void {
    this.#open.start();
  }

  /** Ends what would last for ever at once, and answers under way after a moment. */
  stop(): void {
    this.#isStopping = true;
    void this.#open.stop();
    for (const socket of this.#upgraded) socket.destroy();
    this.#agent.closeFree();
    const cut = () => {
      for (const response of this.#answering) response.destroy();
    };
    setTimeout(cut, STOP_GRACE_MS).unref();
  }

  /** Asked by browsers without any credential, before a page of another origin may use the API. */
  #isPreflight(address: GatewayAddress, request: IncomingMessage): boolean {
    return (
      address.kind === "proxy" &&
      request.method === "OPTIONS" &&
      request.headers["access-control-request-method"] !== undefined
    );
  }

  async #serve(visit: Visit): Promise<void> {
    const { request, response, requestId } = visit;
    const started = performance.now();
    let status: number;
    this.#answering.add(response);
    try {
      status = await this.#answer(visit);
    } catch (error) {
      this.#log(error, requestId);
      status = sendFailure(error, request, response, requestId);
    }
    this.#answering.delete(response);
    visit.span?.describe({ "http.response.status_code": status });
    visit.span?.end(status >= 500 ? `status ${status}` : undefined);
    this.#parts.onAnswered(request.method ?? "", status, (performance.now() - started) / 1000);
  }

  #log(error: unknown, requestId: string): void {
    const { log } = this.#parts.sandboxes;
    if (error instanceof Fault) log.debug({ requestId, fault: error.operatorMessage }, "a proxied request failed");
    else if (!(error instanceof Refusal) && (error as Error).name !== "AbortError")
      log.error({ err: error, requestId }, "a proxied request failed");
  }

  async #answer(visit: Visit): Promise<number> {
    const { address, request, response } = visit;
    if (this.#isStopping) throw new Fault("host.unavailable", "the server is stopping; try again");
    if (!this.#parts.isStarted()) throw new Fault("internal.database", "the server is starting; try again in a moment");
    if (visit.upgrade === undefined && request.headers.upgrade !== undefined && hasBody(request))
      throw new Refusal("gateway.bad_request", "a request with a body can only be upgraded to a WebSocket");
    if (address.kind !== "host" && request.headers["service-worker"] !== undefined)
      throw new Refusal("preview.forbidden", "service workers work on a preview's own host only");
    if (await openLink(address, request, response, this)) return 302;
    const admission = await this.doorkeeper.admit(address, request);
    if (admission.path === "" || admission.path.startsWith("?")) return redirectToFolder(visit, admission);
    if (visit.upgrade !== undefined && admission.hasPathLimit)
      throw new Refusal("preview.forbidden", "a link for some paths only cannot become a WebSocket");
    return this.#visitSandbox(visit, admission);
  }

  async #visitSandbox(visit: Visit, admission: Admission): Promise<number> {
    visit.span?.describe({ "pandastack.sandbox_id": admission.row.id, "pandastack.port": admission.port });
    const leave = this.#enter(admission.row);
    const { address, request, response, upgrade } = visit;
    const end = () => void (upgrade?.socket ?? response).destroy();
    const close = this.#open.enter({ address, request, sandboxId: admission.row.id, end });
    try {
      const incoming = await this.#send(visit, admission);
      const to = { ...visit, admission };
      if (incoming.kind === "reply") {
        await relayReply(incoming, to);
        return incoming.reply.statusCode ?? 0;
      }
      if (this.#isStopping) {
        incoming.socket.destroy();
        throw new Fault("host.unavailable", "the server is stopping; try again");
      }
      const { socket, head } = upgrade!;
      response.detachSocket(socket as never);
      this.#upgraded.add(socket);
      await joinConnections(incoming, { ...to, socket, head }).finally(() => this.#upgraded.delete(socket));
      return 101;
    } finally {
      close();
      leave();
    }
  }

  /** In use, and counted, until what is returned is called. */
  #enter(row: SandboxRow): () => void {
    const count = this.#perSandbox.get(row.id) ?? 0;
    if (count >= this.#parts.settings.connectionsPerSandbox)
      throw new Refusal(
        "gateway.overloaded",
        `${count} requests to this sandbox are under way, as many as it may have; try again in a moment`,
      );
    this.#perSandbox.set(row.id, count + 1);
    const endActivity = this.#parts.sandboxes.activity.begin(row);
    return () => {
      endActivity();
      const left = this.#perSandbox.get(row.id)! - 1;
      if (left === 0) this.#perSandbox.delete(row.id);
      else this.#perSandbox.set(row.id, left);
    };
  }

  /** Into a sandbox that runs; if its host says that it does not after all, once more after it was woken. */
  async #send(visit: Visit, admission: Admission): Promise<Incoming> {
    const patienceMs = isBrowser(visit.request) ? BROWSER_PATIENCE_MS : PROGRAM_PATIENCE_MS;
    const known = await this.#waker.ready(admission.row, patienceMs);
    if (known !== admission.row) this.doorkeeper.learn(known);
    try {
      return await this.#exchange(visit, admission);
    } catch (error) {
      if (!(error instanceof Refusal) || (error.code !== "sandbox.invalid_state" && error.code !== "sandbox.not_found"))
        throw error;
      this.doorkeeper.forget(known.id);
      this.doorkeeper.learn(await this.#waker.revive(known, patienceMs));
      return this.#exchange(visit, admission);
    }
  }

  #exchange(visit: Visit, admission: Admission): Promise<Incoming> {
    const { request, response, requestId, upgrade } = visit;
    const scheme = this.isSecure ? "https" : "http";
    const sender = { requestId, scheme, traceparent: visit.span?.traceparent } as const;
    return exchange({
      agent: this.#agent,
      sandboxId: admission.row.id,
      port: admission.port,
      method: request.method ?? "GET",
      path: admission.path,
      headers: requestHeaders(request, admission, sender, upgrade?.protocol),
      body: hasBody(request) ? request : undefined,
      onContinue: visit.expectsContinue ? () => response.writeContinue() : undefined,
      wantsUpgrade: upgrade !== undefined,
      responseMs: this.#parts.settings.responseSeconds * 1000,
      signal: visit.signal,
    });
  }
}

/** Of the path only whose kind it is: a link's token is in it. */
function beginVisit(address: GatewayAddress, request: IncomingMessage, requestId: string): TraceSpan | undefined {
  return beginSpan(`${request.method} gateway`, {
    kind: "server",
    traceparent: request.headers["traceparent"]?.toString(),
    attributes: {
      "http.request.method": request.method ?? "",
      "pandastack.address": address.kind,
      "pandastack.request_id": requestId,
    },
  });
}

/** `…/proxy/3000` without its last slash: relative links of the page would miss it. */
function redirectToFolder({ response }: Visit, { prefix, path }: Admission): number {
  response.writeHead(307, { location: `${prefix}/${path}`, "cache-control": "no-store", "content-length": 0 }).end();
  return 307;
}

function goneSignal(connection: ServerResponse | Duplex): AbortSignal {
  const gone = new AbortController();
  connection.once("close", () => {
    // Who has the whole answer has not gone; and to abort is to make an error, with its stack, for each request.
    if (!(connection instanceof ServerResponse && connection.writableFinished)) gone.abort();
  });
  return gone.signal;
}
