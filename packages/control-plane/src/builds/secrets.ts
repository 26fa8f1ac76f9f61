import { posix } from "node:path";
import { BuildSecretsField, SECRETS_FOLDER, type SecretMount } from "@pandastack/contracts";
import { Refusal } from "@pandastack/platform";
import type { GuestClient } from "../hosts/guest.ts";

/**
 * What one build was given to keep to itself, by id. It is in this process's memory while the build runs, and nowhere else: not in the
 * database, no key is made of it, and it goes to the builder for the steps that ask for it.
 */
export type BuildSecrets = ReadonlyMap<string, Buffer>;
export const NO_SECRETS: BuildSecrets = new Map();

const HIDDEN = "********";
/** What is shorter would black out half of a log, and is no secret. */
const LEAST_HIDDEN_CHARACTERS = 6;

export function readSecrets(field: string | undefined): BuildSecrets {
  if (field === undefined || field === "") return NO_SECRETS;
  let value: unknown;
  try {
    value = JSON.parse(field);
  } catch {
    // The parser's own message quotes what it could not read.
  }
  const parsed = BuildSecretsField.safeParse(value);
  if (!parsed.success) {
    const { path = [], message = "" } = parsed.error.issues[0] ?? {};
    throw new Refusal("validation.failed", `${["secrets", ...path].join(".")}: ${message}`, {
      details: { field: "secrets" },
    });
  }
  return new Map(Object.entries(parsed.data).map(([id, text]) => [id, Buffer.from(text, "base64")]));
}

/** Blacks out secrets in what is about to be kept: each whole, and each line of one that has several. */
export function hideIn(secrets: BuildSecrets): (text: string) => string {
  const texts = [...secrets.values()].map((bytes) => bytes.toString("utf8").trim());
  const parts = [...new Set([...texts, ...texts.flatMap((text) => text.split(/\r?\n/).map((line) => line.trim()))])]
    .filter((text) => text.length >= LEAST_HIDDEN_CHARACTERS)
    .toSorted((a, b) => b.length - a.length);
  return (text) => parts.reduce((sum, part) => sum.replaceAll(part, HIDDEN), text);
}

export interface MountedSecrets {
  readonly env: Readonly<Record<string, string>>;
  remove(): Promise<void>;
}

/**
 * Puts a step's secrets where it looks for them: files below /run, which is memory in every guest and no part of what is packed;
 * elsewhere a link leads there. What has been in a machine's memory may be there still when its file is gone: of this one nobody takes
 * a snapshot any more (`isTainted`).
 */
export async function mountSecrets(options: {
  readonly guest: GuestClient;
  readonly secrets: BuildSecrets;
  readonly mounts: readonly SecretMount[];
  readonly user: string;
  readonly signal: AbortSignal;
}): Promise<MountedSecrets> {
  const { guest, secrets, mounts, user, signal } = options;
  const env: Record<string, string> = {};
  const undo: (() => Promise<unknown>)[] = [];
  const remove = async (): Promise<void> => {
    for (const step of undo.toReversed()) await step();
  };
  try {
    for (const mount of mounts) {
      const value = secrets.get(mount.id);
      if (value === undefined) {
        if (mount.required === false) continue;
        throw new Refusal("validation.failed", `the build was given no secret ${JSON.stringify(mount.id)}`);
      }
      if (mount.env !== undefined) env[mount.env] = value.toString("utf8");
      if (mount.env !== undefined && mount.target === undefined) continue;
      const path = posix.join(SECRETS_FOLDER, mount.id);
      await guest.fs({ op: "mkdir", path: SECRETS_FOLDER, parents: true, mode: 0o755 });
      undo.push(() => guest.fs({ op: "remove", path, missing_ok: true }));
      const mode = Number.parseInt(mount.mode ?? "0400", 8);
      await guest.writeFile({ path, mode: 0o600, signal }, one(value));
      if (user !== "root") await guest.fs({ op: "chown", path, user });
      await guest.fs({ op: "chmod", path, mode });
      const target = posix.normalize(mount.target ?? path);
      if (target === path) continue;
      await requireNothing(guest, target);
      await run(guest, ["mkdir", "-p", "--", posix.dirname(target)], signal);
      undo.push(() => guest.fs({ op: "remove", path: target, missing_ok: true }));
      await run(guest, ["ln", "-s", "--", path, target], signal);
    }
  } catch (error) {
    await remove().catch(() => {});
    throw error;
  }
  return { env, remove };
}

async function requireNothing(guest: GuestClient, path: string): Promise<void> {
  const isThere = await guest.fs({ op: "stat", path, follow: false }).then(
    () => true,
    (error: unknown) => {
      if (error instanceof Refusal && error.code === "file.not_found") return false;
      throw error;
    },
  );
  if (isThere) throw new Refusal("file.already_exists", `${path} is there already; a secret takes no file's place`);
}

async function run(guest: GuestClient, argv: string[], signal: AbortSignal): Promise<void> {
  for await (const event of guest.exec({ argv, user: "root", stdin: false }, { signal, kill: true }))
    if (event.kind === "result" && event.result.exit_code !== 0)
      throw new Refusal("file.io_error", `${argv[0]} ended with ${event.result.exit_code}`);
}

async function* one(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes;
}
