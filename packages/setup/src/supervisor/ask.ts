import { request } from "node:http";
import { request as secureRequest } from "node:https";

export interface Answer {
  readonly status: number;
  readonly body: string;
}

const TIMEOUT_MS = 5_000;

/** GET over a Unix socket or to a URL; undefined when no one answers. */
export function ask(target: { socketPath: string; path: string } | { url: string }): Promise<Answer | undefined> {
  return new Promise((resolve) => {
    const options = { timeout: TIMEOUT_MS, agent: false as const };
    const call = "url" in target ? toUrl(target.url, options) : request({ ...options, ...target });
    call.once("response", (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (body += chunk));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
      response.on("error", () => resolve(undefined));
    });
    call.once("timeout", () => call.destroy());
    call.once("error", () => resolve(undefined));
    call.end();
  });
}

/** Our own server on this machine: its certificate is for the name that others call it by. */
function toUrl(url: string, options: { timeout: number; agent: false }) {
  return url.startsWith("https:")
    ? secureRequest(url, { ...options, rejectUnauthorized: false })
    : request(url, options);
}
