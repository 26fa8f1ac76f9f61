import { request as requestHttp, type IncomingMessage } from "node:http";
import { request as requestHttps, type RequestOptions } from "node:https";
import { Refusal } from "@pandastack/platform";
import { badImage } from "../failures.ts";
import { lookupFor, requireAllowed, type PrivateRegistries } from "./guard.ts";

const REDIRECTS_LIMIT = 5;
/** For the head of an answer, and between two pieces of a body. */
const SILENCE_LIMIT_MS = 30_000;

export interface Asked {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly registries: PrivateRegistries;
  readonly signal: AbortSignal;
}

/** A GET whose every address is looked at first, also those that it is sent on to. The body is the caller's to read or destroy. */
export async function ask({ url, headers, registries, signal }: Asked): Promise<IncomingMessage> {
  let [at, sent] = [url, headers];
  for (let redirects = 0; redirects <= REDIRECTS_LIMIT; redirects++) {
    const answer = await askOnce(at, sent, registries, signal);
    const { statusCode = 0, headers: said } = answer;
    if (![301, 302, 303, 307, 308].includes(statusCode)) return answer;
    answer.destroy();
    if (said.location === undefined || !URL.canParse(said.location, at.href))
      throw badImage(`${at.host} sends on to nowhere`);
    const next = new URL(said.location, at);
    // Whoever stores the bytes is not who was asked: what opens the registry is none of its business.
    if (next.origin !== at.origin)
      sent = Object.fromEntries(Object.entries(sent).filter(([name]) => name.toLowerCase() !== "authorization"));
    at = next;
  }
  throw badImage(`${url.host} sends on and on`);
}

function askOnce(
  url: URL,
  headers: Readonly<Record<string, string>>,
  registries: PrivateRegistries,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  requireAllowed(url, registries);
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const options: RequestOptions = {
    headers: { "user-agent": "pandastack", ...headers },
    lookup: lookupFor(url, registries),
    signal,
    agent: false,
  };
  const request = url.protocol === "http:" ? requestHttp(url, options, resolve) : requestHttps(url, options, resolve);
  request.setTimeout(SILENCE_LIMIT_MS, () => request.destroy(badImage(`${url.host} did not answer in time`)));
  request.on("error", (error) =>
    reject(error instanceof Refusal ? error : badImage(`${url.host} could not be asked: ${error.message}`)),
  );
  request.end();
  return promise;
}
