import { z } from "zod";
import { AddPortRequest, Port, PortParameter, PreviewToken, PreviewTokenRequest } from "../shapes/ports.ts";
import { empty, json, operation, sandboxParams, socket, stream } from "./operation.ts";

const TAG = "Ports and previews";
const portParams = sandboxParams.extend({ port: PortParameter });
const reaching = [
  "sandbox.not_found",
  "sandbox.wake_failed",
  "sandbox.guest_unreachable",
  "port.connection_refused",
  "host.unavailable",
] as const;

export const gatewayOperations = {
  addPort: operation({
    method: "POST",
    path: "/v1/sandboxes/{id}/ports",
    tag: TAG,
    summary: "Give a port a label, or open its preview to anyone.",
    role: "member",
    params: sandboxParams,
    body: AddPortRequest,
    replies: { 201: json(Port, "As it is from now on.") },
    errors: ["sandbox.not_found", "port.limit_reached", "host.unavailable"],
  }),
  removePort: operation({
    method: "DELETE",
    path: "/v1/sandboxes/{id}/ports/{port}",
    tag: TAG,
    summary: "Take the label away and make the preview private again.",
    role: "member",
    params: portParams,
    replies: { 204: empty("It has no label and is private.") },
    errors: ["sandbox.not_found"],
  }),
  createPreviewToken: operation({
    method: "POST",
    path: "/v1/sandboxes/{id}/preview-token",
    tag: TAG,
    summary: "A signed link to a port, for people without a token.",
    role: "member",
    params: sandboxParams,
    body: PreviewTokenRequest,
    replies: { 200: json(PreviewToken, "Good until it expires or is taken back.") },
    errors: ["sandbox.not_found"],
  }),
  createPreview: operation({
    method: "POST",
    path: "/v1/sandboxes/{id}/preview",
    tag: TAG,
    summary: "Another name of preview-token.",
    role: "member",
    params: sandboxParams,
    body: PreviewTokenRequest,
    replies: { 200: json(PreviewToken, "Good until it expires or is taken back.") },
    errors: ["sandbox.not_found"],
  }),
  revokePreviewTokens: operation({
    method: "DELETE",
    path: "/v1/sandboxes/{id}/preview-token",
    tag: TAG,
    summary: "Take signed links back: the one named, or all that were made until now. What is open through them ends.",
    role: "member",
    params: sandboxParams,
    query: z.object({ token: z.string().min(1).max(4096).optional() }),
    replies: { 204: empty("They open nothing any more.") },
    errors: ["sandbox.not_found", "preview.invalid_token", "port.limit_reached"],
  }),
  connectPort: operation({
    method: "GET",
    path: "/v1/sandboxes/{id}/tcp/{port}",
    tag: TAG,
    summary:
      'A TCP connection to a port inside, over a WebSocket: binary messages are its bytes, the text `{"end":true}` is the end of yours.',
    role: "member",
    verb: "use",
    isActivity: true,
    params: portParams,
    replies: { 101: socket("Close code 1000 once the server inside has said everything; 1011 when it broke.") },
    errors: [...reaching, "sandbox.invalid_state"],
  }),
  proxyPort: operation({
    method: "GET",
    path: "/v1/sandboxes/{id}/proxy/{port}/{path}",
    tag: TAG,
    summary: "Any request, of any method, to a server inside: HTTP/1.1, streams and WebSockets.",
    description:
      "Wakes the sandbox. `Authorization`, cookies and `access_token` do not reach the server inside; pages are shown with `Content-Security-Policy: sandbox` and cannot set cookies.",
    role: "member",
    verb: "use",
    isActivity: true,
    isProxied: true,
    params: portParams.extend({ path: z.string() }),
    replies: { 200: stream(["*/*"], "What the server inside answers.") },
    errors: [
      ...reaching,
      "sandbox.waking",
      "sandbox.not_running",
      "gateway.bad_request",
      "gateway.bad_response",
      "gateway.timeout",
      "gateway.overloaded",
    ],
  }),
};
