import type { IncomingMessage } from "node:http";
import { operations, PortParameter } from "@pandastack/contracts";
import { Refusal } from "@pandastack/platform";
import { authenticate, authorise } from "../accounts/authenticate.ts";
import type { Principal } from "../calls/call.ts";
import type { SandboxRow } from "../persistence/tables.ts";
import type { SandboxParts } from "../sandboxes/parts.ts";
import { readSandbox, SANDBOX_ID, unknownSandbox } from "../sandboxes/store.ts";
import type { GatewayAddress } from "./address.ts";
import { isAllowed, withoutParameter } from "./paths.ts";
import { isPublicPort } from "./port-labels.ts";
import { requireUnrevoked } from "./preview-revocations.ts";
import type { PreviewSecret } from "./preview-secret.ts";
import { looksLikePreviewToken, readPreview, type Preview } from "./preview-tokens.ts";
import { ShortMemory } from "./short-memory.ts";
import { bearerOf, isFromElsewhere, previewCookies, protocolToken, TOKEN_HEADER } from "./visitor.ts";

/** What an admitted request is for. */
export interface Admission {
  readonly row: SandboxRow;
  readonly port: number;
  /** What the server inside is asked for. */
  readonly path: string;
  /** What was cut off in front of it. */
  readonly prefix: string;
  /** On the API's origin content is fenced; a preview's host is an origin of its own. */
  readonly origin: "api" | "own";
  /** How far its pages are fenced: with the API token in their address they may not even run scripts. */
  readonly mayRunScripts: boolean;
  /** Whether `Authorization` was for us: then the server inside does not see it. */
  readonly isAuthorizationOurs: boolean;
  /** Whether only some paths are open: then nothing may become a connection that cannot be looked into. */
  readonly hasPathLimit: boolean;
}

/**
 * How long a token, a sandbox or a port that was opened to anyone may count on after it was revoked, deleted or closed. A page
 * asks for a hundred files in a second; each look-up would cost more than passing a file on.
 */
const MEMORY_MS = 1000;
const MEMORY_LIMIT = 10_000;

/** Decides who may reach which port of which sandbox. */
export class Doorkeeper {
  readonly #parts: SandboxParts;
  readonly #secret: PreviewSecret;
  readonly #principals = new ShortMemory<Principal>({ lifeMs: MEMORY_MS, limit: MEMORY_LIMIT });
  readonly #rows = new ShortMemory<SandboxRow | undefined>({ lifeMs: MEMORY_MS, limit: MEMORY_LIMIT });

  constructor(parts: SandboxParts, secret: PreviewSecret) {
    this.#parts = parts;
    this.#secret = secret;
  }

  /** What was learned of a sandbox since. */
  learn(row: SandboxRow): void {
    this.#rows.set(row.id, row);
  }

  forget(id: string): void {
    this.#rows.forget(id);
  }

  async admit(address: GatewayAddress, request: IncomingMessage): Promise<Admission> {
    switch (address.kind) {
      case "proxy":
        return this.#byApiToken(address, request);
      case "signed":
        return this.#bySignedPath(address);
      case "host":
        return this.#byHost(address, request);
    }
  }

  async #byApiToken(address: GatewayAddress & { kind: "proxy" }, request: IncomingMessage): Promise<Admission> {
    const { authorization, "sec-websocket-protocol": protocols, [TOKEN_HEADER]: own } = request.headers;
    const inQuery = new URL(address.rest, "http://guest").searchParams.get("access_token") ?? undefined;
    const isAuthorizationOurs = typeof own !== "string";
    const inHeader = authorization === undefined ? undefined : (bearerOf(authorization) ?? "");
    const token = isAuthorizationOurs ? (inHeader ?? inQuery ?? protocolToken(protocols)) : own;
    const principal = await this.#principal(token);
    authorise(principal, operations.proxyPort.role);
    const port = parsePort(address.port);
    return {
      row: await this.#sandbox(address.id, principal.workspace),
      port,
      path: withoutParameter(address.rest, "access_token"),
      prefix: address.prefix,
      origin: "api",
      mayRunScripts: false,
      isAuthorizationOurs,
      hasPathLimit: false,
    };
  }

  async #bySignedPath(address: GatewayAddress & { kind: "signed" }): Promise<Admission> {
    const preview = readPreview(address.token, this.#secret.value, Date.now());
    checkPath(preview, address.rest);
    return {
      row: await this.#unrevoked(preview, address.token),
      port: preview.port,
      path: address.rest,
      prefix: address.prefix,
      origin: "api",
      mayRunScripts: true,
      isAuthorizationOurs: false,
      hasPathLimit: preview.paths.length > 0,
    };
  }

  /** Without a credential every host answers alike, whether there is such a sandbox or not. */
  async #byHost(address: GatewayAddress & { kind: "host" }, request: IncomingMessage): Promise<Admission> {
    const port = parsePort(address.port);
    const common = { port, path: address.rest, prefix: "", origin: "own", mayRunScripts: true } as const;
    const row = await this.#row(address.id);
    if (row !== undefined && row.wanted !== "deleted" && isPublicPort(row.metadata, port)) {
      const isAuthorizationOurs = await this.#isApiToken(bearerOf(request.headers.authorization));
      return { ...common, row, isAuthorizationOurs, hasPathLimit: false };
    }
    const { authorization, "sec-websocket-protocol": protocols, [TOKEN_HEADER]: own } = request.headers;
    const explicit = typeof own === "string" ? own : protocolToken(protocols);
    const cookie = explicit === undefined ? this.#goodCookie(request, row, port) : undefined;
    if (cookie !== undefined) {
      checkPath(cookie, address.rest);
      if (isFromElsewhere(request, address.id))
        throw new Refusal("preview.forbidden", "a page of another origin may not use this private preview");
      return {
        ...common,
        row: await this.#sandbox(address.id, cookie.workspace),
        isAuthorizationOurs: await this.#isApiToken(bearerOf(authorization)),
        hasPathLimit: cookie.paths.length > 0,
      };
    }
    const token = explicit ?? bearerOf(authorization);
    if (token === undefined) throw privatePreview();
    const isAuthorizationOurs = explicit === undefined;
    if (looksLikePreviewToken(token)) {
      const preview = this.#previewFor(token, address.id, port);
      checkPath(preview, address.rest);
      const hasPathLimit = preview.paths.length > 0;
      return { ...common, row: await this.#unrevoked(preview, token), isAuthorizationOurs, hasPathLimit };
    }
    const principal = await this.#principal(token);
    authorise(principal, operations.proxyPort.role);
    return {
      ...common,
      row: await this.#sandbox(address.id, principal.workspace),
      isAuthorizationOurs,
      hasPathLimit: false,
    };
  }

  /** A link's token, if it is a good one for this sandbox and port. */
  async openLink(address: GatewayAddress & { kind: "host" }, token: string): Promise<Preview> {
    const preview = this.#previewFor(token, address.id, parsePort(address.port));
    await this.#unrevoked(preview, token);
    return preview;
  }

  #previewFor(token: string, id: string, port: number): Preview {
    const preview = readPreview(token, this.#secret.value, Date.now());
    if (preview.sandboxId === id && preview.port === port) return preview;
    throw new Refusal("preview.forbidden", "this preview link is for another port or another sandbox");
  }

  #goodCookie(request: IncomingMessage, row: SandboxRow | undefined, port: number): Preview | undefined {
    if (row === undefined) return undefined;
    for (const value of previewCookies(request.headers.cookie)) {
      try {
        const preview = this.#previewFor(value, row.id, port);
        requireUnrevoked(row, value, preview);
        return preview;
      } catch (error) {
        // Expired, taken back, or another host's: as if it were not there.
        if (!(error instanceof Refusal)) throw error;
      }
    }
    return undefined;
  }

  #principal(token: string | undefined): Promise<Principal> {
    const look = () => authenticate(this.#parts.db, token, this.#parts.settings.limits);
    return token === undefined ? look() : this.#principals.get(token, look);
  }

  async #isApiToken(token: string | undefined): Promise<boolean> {
    if (token === undefined) return false;
    if (token.startsWith("pds_") || looksLikePreviewToken(token)) return true;
    return this.#principal(token).then(
      () => true,
      (error: unknown) => {
        if (error instanceof Refusal) return false;
        throw error;
      },
    );
  }

  #row(id: string): Promise<SandboxRow | undefined> {
    return this.#rows.get(id, () => readSandbox(this.#parts.db, id));
  }

  async #unrevoked(preview: Preview, token: string): Promise<SandboxRow> {
    const row = await this.#sandbox(preview.sandboxId, preview.workspace);
    requireUnrevoked(row, token, preview);
    return row;
  }

  async #sandbox(id: string, workspace: string): Promise<SandboxRow> {
    const row = SANDBOX_ID.test(id) ? await this.#row(id) : undefined;
    if (row === undefined || row.workspace !== workspace || row.wanted === "deleted") throw unknownSandbox();
    return row;
  }
}

const privatePreview = () =>
  new Refusal(
    "auth.missing_token",
    `this preview is private: open it with a signed link, or send an API token as \`${TOKEN_HEADER}\` or \`Authorization: Bearer pds_…\``,
  );

function parsePort(text: string): number {
  const parsed = PortParameter.safeParse(text);
  if (parsed.success && /^\d+$/.test(text)) return parsed.data;
  throw new Refusal("validation.failed", `port: ${parsed.error?.issues[0]?.message ?? "from 1 to 65535"}`, {
    details: { field: "port" },
  });
}

function checkPath(preview: Preview, rest: string): void {
  if (!isAllowed(rest, preview.paths))
    throw new Refusal("preview.forbidden", `this preview link is for ${preview.paths.join(", ")} only`);
}
