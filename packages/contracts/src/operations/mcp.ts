import { z } from "zod";
import { empty, json, jsonOrStream, operation, sandboxParams } from "./operation.ts";

const TAG = "MCP";
/** JSON-RPC 2.0: what is in it is the Model Context Protocol's to say. */
const Message = z.record(z.string(), z.unknown()).meta({ id: "JsonRpcMessage" });

const description =
  "One JSON-RPC message of the Model Context Protocol; no session is kept. The answer is JSON, or server-sent events where they are accepted. What a tool does is authorised as a call of its own, under the same token.";

const replies = {
  200: jsonOrStream(Message, "text/event-stream", "The answer to a request."),
  202: empty("A notification was taken."),
  400: json(Message, "No message of the protocol; a JSON-RPC error says why."),
  404: json(Message, "No such method."),
};

export const mcpOperations = {
  callMcp: operation({
    method: "POST",
    path: "/v1/mcp",
    tag: TAG,
    summary: "The workspace's sandboxes as tools for models.",
    description,
    role: "read",
    body: "bytes",
    replies,
    errors: ["validation.body_too_large"],
  }),
  callMcpAtRoot: operation({
    method: "POST",
    path: "/mcp",
    tag: TAG,
    summary: "The same, at the address that clients expect.",
    description,
    role: "read",
    body: "bytes",
    replies,
    errors: ["validation.body_too_large"],
  }),
  callSandboxMcp: operation({
    method: "POST",
    path: "/v1/sandboxes/{id}/mcp",
    tag: TAG,
    summary: "One sandbox as tools for models: a shell, files, search.",
    description,
    role: "read",
    params: sandboxParams,
    body: "bytes",
    replies,
    errors: ["sandbox.not_found", "validation.body_too_large"],
  }),
};
