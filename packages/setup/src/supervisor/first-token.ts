import { chownSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { ServerIdentity } from "./identity.ts";

/** Where the control plane leaves the admin token that it made at its first start. The folder is its own: it writes as its user. */
export function bootstrapFile(identity: ServerIdentity): string {
  return join(identity.runDir, "control-plane", "first-token.json");
}

export function prepareBootstrap(identity: ServerIdentity): void {
  const folder = join(identity.runDir, "control-plane");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chownSync(folder, identity.users.controlPlane, identity.users.controlPlane);
}

/** The token, if there is one that no one has seen. To be forgotten once it is saved. */
export function readFirstToken(identity: ServerIdentity): string | undefined {
  const file = bootstrapFile(identity);
  if (!existsSync(file)) return undefined;
  return (JSON.parse(readFileSync(file, "utf8")) as { token: string }).token;
}

export function forgetFirstToken(identity: ServerIdentity): void {
  rmSync(bootstrapFile(identity), { force: true });
}
