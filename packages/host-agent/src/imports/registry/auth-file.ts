import { readFileSync } from "node:fs";
import { z } from "zod";
import type { Credentials } from "./client.ts";

/** As `docker login` writes it: user and password of each registry, in one text. */
const AuthFile = z.object({ auths: z.record(z.string(), z.object({ auth: z.string().optional() })) });

/** What the operator's file says of a registry, read anew each time: passwords change. Undefined: nothing. */
export function operatorCredentials(path: string | undefined, registry: string): Credentials | undefined {
  if (path === undefined || path === "") return undefined;
  const { auths } = parse(path);
  const auth = Object.hasOwn(auths, registry) ? auths[registry]!.auth : undefined;
  if (auth === undefined) return undefined;
  const text = Buffer.from(auth, "base64").toString("utf8");
  const colon = text.indexOf(":");
  if (colon < 1) throw unreadable(path, `what it says of ${registry} is no user and password`);
  return { username: text.slice(0, colon), password: text.slice(colon + 1) };
}

function parse(path: string): z.infer<typeof AuthFile> {
  try {
    return AuthFile.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch (error) {
    throw unreadable(path, error instanceof z.ZodError ? "it has another shape" : (error as Error).message);
  }
}

/** The operator's mistake, and nothing that a caller should read. */
const unreadable = (path: string, why: string): Error => new Error(`PANDASTACK_REGISTRY_AUTH: ${path}: ${why}`);
