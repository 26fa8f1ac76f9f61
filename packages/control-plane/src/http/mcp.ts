import { Readable } from "node:stream";
import { text as readAll } from "node:stream/consumers";
import type { FastifyInstance } from "fastify";
import { answerMcp, makeSandboxServer, makeWorkspaceServer } from "@pandastack/mcp";
import { Refusal } from "@pandastack/platform";
import { PandaStack } from "@pandastack/sdk";
import type { Call, Handlers } from "../calls/call.ts";
import type { Database } from "../persistence/database.ts";
import { findSandbox } from "../sandboxes/store.ts";
import { readText } from "./body.ts";

type Operations = "callMcp" | "callMcpAtRoot" | "callSandboxMcp";
type McpCall = Call<Operations>;
type McpAnswer = Awaited<ReturnType<Handlers["callMcp"]>>;

/** Of the answers that are JSON, those that the contract has. */
const STATUSES: ReadonlySet<number> = new Set([200, 400, 404]);

/** Tools for models. Each works through the API, under the caller's own token: it can do what the caller can, and no more. */
export function mcpHandlers(db: Database, inside: (requestId: string) => typeof fetch): Pick<Handlers, Operations> {
  const clientOf = ({ token, requestId }: McpCall): PandaStack => {
    // Without one the client would look for another, in this process's environment.
    if (token === undefined || token === "") throw new Refusal("auth.missing_token", "an API token is needed");
    return new PandaStack({ baseUrl: "http://localhost", apiKey: token, fetch: inside(requestId), timeoutMs: 0 });
  };
  const answer = async (
    call: McpCall,
    makeServer: () => ReturnType<typeof makeWorkspaceServer>,
  ): Promise<McpAnswer> => {
    const text = await readText(call.body, call.principal.limits.body_bytes);
    const given = { headers: protocolHeaders(call), signal: call.signal };
    const { status, mediaType, body } = await answerMcp(text, given, makeServer);
    if (status === 202) return { status: 202 };
    const stream = body === null ? Readable.from([]) : Readable.fromWeb(body as never);
    if (status === 200 && mediaType?.startsWith("text/event-stream") === true)
      return { status: 200, stream, mediaType: "text/event-stream" };
    const message = JSON.parse(await readAll(stream)) as Record<string, unknown>;
    return { status: (STATUSES.has(status) ? status : 400) as 200, body: message };
  };
  const workspace = (call: McpCall) =>
    answer(call, () => makeWorkspaceServer({ client: clientOf(call), signal: call.signal }));
  return {
    callMcp: workspace,
    callMcpAtRoot: workspace,
    callSandboxMcp: async (call) => {
      const client = clientOf(call);
      // One that is not there, or someone else's, is said before anything of the protocol is.
      await findSandbox(db, call.principal.workspace, call.params.id);
      return answer(call, () => makeSandboxServer({ client, signal: call.signal }, call.params.id));
    },
  };
}

/** Those that say which message this is, and how it may be answered. */
function protocolHeaders({ headers }: McpCall): Record<string, string> {
  const named = Object.entries(headers).filter(([name]) => name === "accept" || name.startsWith("mcp-"));
  return Object.fromEntries(named.map(([name, value]) => [name, String(value)]));
}

/** There are no sessions to be followed or ended. */
export function refuseOtherMethods(app: FastifyInstance): void {
  for (const url of ["/mcp", "/v1/mcp"])
    app.route({
      method: ["GET", "DELETE"],
      url,
      config: { isInternal: true },
      handler: async (request, reply) => {
        reply.header("allow", "POST");
        throw new Refusal("route.method_not_allowed", `${request.method} is not served here: POST one message`);
      },
    });
}
