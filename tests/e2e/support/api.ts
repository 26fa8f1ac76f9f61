import { PandaStack } from "@pandastack/sdk";
import { inject, onTestFinished } from "vitest";

export const server = inject("server");
export const panda = new PandaStack({ apiUrl: server.url, token: server.token });

// oxlint-disable-next-line typescript/no-explicit-any -- what the server sent: the assertions are what looks at its shape
export type Json = any;

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  /** The body where it is JSON. */
  json: Json;
}

export interface Request {
  body?: string | Uint8Array | ReadableStream;
  json?: unknown;
  headers?: Record<string, string>;
  token?: string | null;
}

/** One request as curl would make it: no client in between that knows better. */
export async function api(method: string, path: string, request: Request = {}): Promise<Answer> {
  const headers: Record<string, string> = { ...request.headers };
  const token = request.token === undefined ? server.token : request.token;
  if (token !== null) headers["authorization"] = `Bearer ${token}`;
  if (request.json !== undefined) headers["content-type"] ??= "application/json";
  const body = request.json === undefined ? request.body : JSON.stringify(request.json);
  const init: RequestInit & { duplex?: "half" } = { method, headers };
  if (body !== undefined) init.body = body as NonNullable<RequestInit["body"]>;
  if (body instanceof ReadableStream) init.duplex = "half";
  const response = await fetch(`${server.url}${path}`, init);
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, json: parse(text) };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A sandbox that is gone after the test. */
export async function sandboxForTest(body: Record<string, unknown> = {}): Promise<string> {
  const { status, json, text } = await api("POST", "/v1/sandboxes", { json: body });
  if (status !== 201) throw new Error(`create answered ${status}: ${text}`);
  removeAfterTest(json.id);
  return json.id;
}

export function removeAfterTest(id: string): void {
  onTestFinished(async () => {
    await api("DELETE", `/v1/sandboxes/${id}`);
  });
}

export async function run(
  id: string,
  cmd: string,
  timeoutSeconds?: number,
): Promise<{ stdout: string; stderr: string; exit_code: number }> {
  const { status, json, text } = await api("POST", `/v1/sandboxes/${id}/exec`, {
    json: { cmd, timeout_seconds: timeoutSeconds },
  });
  if (status !== 200) throw new Error(`exec answered ${status}: ${text}`);
  return json;
}
