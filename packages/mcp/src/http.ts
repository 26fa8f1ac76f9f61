import {
  createMcpHandler,
  isLegacyRequest,
  type McpServer,
  WebStandardStreamableHTTPServerTransport,
} from "@modelcontextprotocol/server";

/** What a POST is answered with. */
export interface McpAnswer {
  readonly status: number;
  readonly mediaType: string | undefined;
  readonly body: ReadableStream<Uint8Array> | null;
}

/** JSON-RPC's own numbers. */
const PARSE_ERROR = -32_700;
const INVALID_REQUEST = -32_600;

const BOTH_TYPES = "application/json, text/event-stream";
const EVENT_STREAM = "text/event-stream";

/**
 * One message of MCP over HTTP, answered by a server that lives as long as the answer takes: no session is kept, so any replica
 * answers any message. Clients of the protocol of 2025 and of 2026 are served alike. Who accepts a stream gets one, with a
 * comment every 15 seconds while a tool works: proxies cut what is silent. Everybody else gets JSON.
 */
export async function answerMcp(
  text: string,
  given: { readonly headers: Readonly<Record<string, string>>; readonly signal: AbortSignal },
  makeServer: () => McpServer,
): Promise<McpAnswer> {
  const message = parse(text);
  if (message === undefined) return failure(PARSE_ERROR, "the body is not valid JSON");
  if (Array.isArray(message)) return failure(INVALID_REQUEST, "batches are not supported: send one message at a time");
  if (typeof message !== "object" || message === null) return failure(INVALID_REQUEST, "a JSON-RPC message is needed");
  const isStream = given.headers["accept"]?.includes(EVENT_STREAM) === true;
  const headers = { ...given.headers, "content-type": "application/json", accept: BOTH_TYPES };
  const request = new Request("http://localhost/mcp", { method: "POST", headers, body: text, signal: given.signal });
  const response = (await isLegacyRequest(request))
    ? await answerLegacy(request, message, isStream, makeServer())
    : await createMcpHandler(makeServer, {
        legacy: "reject",
        responseMode: isStream ? "sse" : "json",
        // Nothing ever changes here: there is nothing to subscribe to.
        maxSubscriptions: 0,
      }).fetch(request, { parsedBody: message });
  return { status: response.status, mediaType: response.headers.get("content-type") ?? undefined, body: response.body };
}

async function answerLegacy(
  request: Request,
  parsedBody: unknown,
  isStream: boolean,
  server: McpServer,
): Promise<Response> {
  const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: !isStream });
  await server.connect(transport);
  return transport.handleRequest(request, { parsedBody });
}

function failure(code: number, message: string): McpAnswer {
  const body = JSON.stringify({ jsonrpc: "2.0", id: null, error: { code, message } });
  return { status: 400, mediaType: "application/json", body: new Response(body).body };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
