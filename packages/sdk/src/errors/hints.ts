import type { ErrorCode } from "@pandastack/contracts";

/** What never reached the server, or what it answered made no sense. */
export type ClientErrorCode =
  | "client.error"
  /** The server could not be reached, or the connection broke. */
  | "client.connection"
  /** TLS failed: the certificate, or a server without. */
  | "client.tls"
  /** No answer within `timeoutMs`. */
  | "client.timeout"
  /** Whoever answered is no PandaStack server. */
  | "client.bad_answer"
  /** The base URL is none. */
  | "client.bad_url"
  /** A command ended with another exit code than 0, and `check` was asked for. */
  | "client.command_failed"
  /** What was to be searched for is no regular expression. */
  | "client.bad_pattern"
  /** git in the sandbox said no; the text has its words. */
  | "client.git_failed"
  /** The template has no git. */
  | "client.git_missing"
  /** A file or folder on this machine could not be read, written, packed or unpacked. */
  | "client.local_file"
  /** A template could not be built. */
  | "client.build_failed";

/** What a caller can do about an error, where there is something that holds for every one of its code. */
const hints: Partial<Record<ErrorCode | ClientErrorCode, string>> = {
  "auth.missing_token": "pass apiKey, or set PANDASTACK_API_KEY",
  "auth.invalid_token": "check apiKey or PANDASTACK_API_KEY; `pandastack token create` makes a new one",
  "auth.token_revoked": "this token was revoked; ask an admin of the workspace for another",
  "auth.forbidden": "the token's role may not do this; use one with the role that the text names",
  "sandbox.not_found": "it was removed, perhaps for being idle (ttlSeconds), or belongs to another workspace",
  "sandbox.invalid_state": "look at sandbox.status; resume() a paused one, wake() a hibernated or failed one",
  "snapshot.not_found": "snapshots.list() shows what there is",
  "template.not_found": "templates.list() shows what there is",
  "template.not_ready": "it is being made; try again in a minute",
  "template.build_failed": "the build's log says why: pandastack template logs",
  "validation.body_too_large": "put what is large into a file with files.write() and name the file in the command",
  "exec.timeout": "raise timeoutMs, or run it in the background with commands.start()",
  "process.not_found": "it ended a while ago, or was not started through the API; commands.list() shows what there is",
  "code.context_not_found": "it was deleted, or its sandbox was restarted; code.listContexts() shows what there is",
  "code.too_many_contexts": "delete contexts that are not needed any more",
  "guest.too_many_processes": "wait for some of its commands to end",
  "file.no_space": "remove files in the sandbox",
  "capacity.unavailable": "the server is full at the moment; try again after retryAfterMs",
  "capacity.insufficient_memory": "remove or hibernate sandboxes to free memory on the host",
  "capacity.insufficient_storage": "delete snapshots or sandboxes to free disk on the host",
  "quota.sandboxes_exceeded": "remove sandboxes of this workspace",
  "idempotency.conflict": "use a new idempotencyKey for another request",
  "host.unavailable": "the machine behind the server is restarting; try again in a few seconds",
  "client.connection": "is the server running (npm start)? baseUrl or PANDASTACK_API_URL says where it is",
  "client.tls":
    "a certificate of one's own: NODE_EXTRA_CA_CERTS=/path/to/ca.pem; a server without TLS: baseUrl begins with http://",
  "client.bad_answer": "check baseUrl or PANDASTACK_API_URL: something else answers there",
  "client.git_missing": "install it (apt-get install git), or use a template that has it",
  "client.bad_pattern": "correct the pattern, or search for plain text with isFixed",
  "client.bad_url": "baseUrl or PANDASTACK_API_URL must look like http://127.0.0.1:8080",
  "client.timeout": "raise timeoutMs; what was asked for may still happen",
};

export function hintFor(code: string): string | undefined {
  return Object.hasOwn(hints, code) ? hints[code as ErrorCode] : undefined;
}
