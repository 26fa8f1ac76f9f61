import { randomBytes } from "node:crypto";
import { z } from "zod";
import type { ExecResult } from "@pandastack/contracts/host";
import { Refusal } from "@pandastack/platform";
import type { GuestClient } from "../hosts/guest.ts";
import { guestFiles } from "./guest-files.ts";

/**
 * Inside. Address and token are in files that root alone may read: whoever knows the token may run code. The interpreter of a
 * template has none until here somebody asks for its address: no two sandboxes have the same. Servers of older snapshots have
 * theirs beside the address.
 */
const FOLDER = "/run/pandastack/code";
const TAKE_FRESH = `fresh=$PANDASTACK_FRESH; unset PANDASTACK_FRESH`;
const TELL = `
read -r line 2>/dev/null <${FOLDER}/address || exit 0
umask 077
set -C
[ -s ${FOLDER}/token ] || echo "$fresh" 2>/dev/null >${FOLDER}/token
read -r token <${FOLDER}/token
echo "$line"
echo "$token"
exec env -0`;
/** Unpacks what was put there beside it, and starts the server, which is in the background when this ends. */
const UNPACK = `
import json, os, sys
bundle, folder = sys.argv[1:]
for name, text in json.load(open(bundle)).items():
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".new", "w") as file:
        file.write(text)
    os.replace(path + ".new", path)
os.execv(sys.executable, [sys.executable, os.path.join(folder, "server/main.py"), "start"])
`;
/** Python's start in an emulated machine with other work takes seconds. */
const START_TIMEOUT_MS = 120_000;
const TELL_TIMEOUT_MS = 20_000;
const OUTPUT_LIMIT_BYTES = 4 * 1024 * 1024;
const NOT_FOUND_EXIT_CODE = 127;

const TOKEN_BYTES = 16;
/** Of an address: much more than it has. */
const LINE_LIMIT_BYTES = 4_096;

const Address = z.object({
  port: z.int().min(1).max(65_535),
  token: z.string().min(1).optional(),
  given: z.boolean().default(false),
});

export interface Interpreter {
  readonly port: number;
  readonly token: string;
  /** What the sandbox was given, which a copy of a snapshot does not know by itself, as the interpreter wants to be told. */
  readonly told: { readonly given_env: Record<string, string> } | { readonly base_env: Record<string, string> };
}

/**
 * Where the interpreter of a sandbox listens; undefined where none was started, or its sandbox was restarted since. Without a
 * command: in an emulated machine a first one takes longer than the cell. Those of older snapshots want to be told all that
 * a command has, which only a command knows.
 */
export async function findInterpreter(guest: GuestClient, signal: AbortSignal): Promise<Interpreter | undefined> {
  const [line, known, given_env] = await Promise.all([
    readLine(guest, `${FOLDER}/address`, signal),
    readLine(guest, `${FOLDER}/token`, signal),
    guest.environment(),
  ]);
  const address = line === undefined ? undefined : readAddress(line);
  if (address === undefined) return undefined;
  if (address.given)
    return { port: address.port, token: known ?? (await makeToken(guest, signal)), told: { given_env } };
  const { stdout } = await runScript(guest, { shell: `${TAKE_FRESH}${TELL}`, timeoutMs: TELL_TIMEOUT_MS }, signal);
  return parse(stdout, given_env);
}

/** Two who come at once find the same in the end: who has used the other is not heard, and told to try again. */
async function makeToken(guest: GuestClient, signal: AbortSignal): Promise<string> {
  const path = `${FOLDER}/token`;
  const fresh = randomBytes(TOKEN_BYTES).toString("hex");
  await guest.writeFile({ path, mode: 0o600, signal }, once(Buffer.from(`${fresh}\n`)));
  return (await readLine(guest, path, signal)) ?? fresh;
}

/** The first line of a small file; undefined where it is not there, or empty. Root inside may have put anything there. */
async function readLine(guest: GuestClient, path: string, given: AbortSignal): Promise<string | undefined> {
  const limit = AbortSignal.timeout(TELL_TIMEOUT_MS);
  try {
    const { body } = await guest.readFile({ path, length: LINE_LIMIT_BYTES, signal: AbortSignal.any([given, limit]) });
    const chunks: Buffer[] = [];
    for await (const chunk of body as AsyncIterable<Buffer>) chunks.push(chunk);
    return Buffer.concat(chunks).toString("utf8").split("\n")[0] || undefined;
  } catch (error) {
    if (error instanceof Refusal && error.code === "file.not_found") return undefined;
    if (limit.aborted && !given.aborted)
      throw new Refusal("code.kernel_failed", `${path} could not be read in time; the code interpreter is behind it`);
    throw error;
  }
}

/** Starts it where it does not listen. Two at once end with one. */
export async function startInterpreter(guest: GuestClient, signal: AbortSignal): Promise<Interpreter> {
  const { version, bundle } = guestFiles();
  const path = `${FOLDER}/${version}.json`;
  await guest.writeFile({ path, mode: 0o644, signal }, once(bundle));
  const { stdout, stderr, result } = await runScript(
    guest,
    {
      shell: `${TAKE_FRESH}\npython3 -c "$UNPACK" ${path} ${FOLDER}/${version} >&2 || exit${TELL}`,
      env: { UNPACK },
      timeoutMs: START_TIMEOUT_MS,
    },
    signal,
  );
  const found = parse(stdout, await guest.environment());
  if (found !== undefined) return found;
  if (result.exit_code === NOT_FOUND_EXIT_CODE)
    throw new Refusal("code.unavailable", "the code interpreter needs python3, which this sandbox has not");
  throw new Refusal("code.kernel_failed", `the code interpreter cannot be started: ${stderr.trim().slice(-1000)}`);
}

/** Undefined: it is none, as if none were there. */
function readAddress(line: string): z.infer<typeof Address> | undefined {
  try {
    return Address.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}

function parse(stdout: string, given_env: Record<string, string>): Interpreter | undefined {
  const [line, tokenLine, ...rest] = stdout.split("\n");
  if (line === undefined || line === "" || tokenLine === undefined) return undefined;
  const address = readAddress(line);
  const token = address?.token ?? tokenLine;
  if (address === undefined || token === "") return undefined;
  const pairs = rest
    .join("\n")
    .split("\0")
    .filter((pair) => pair.includes("=") && !pair.startsWith("UNPACK="))
    .map((pair): [string, string] => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]);
  const told = address.given ? { given_env } : { base_env: Object.fromEntries(pairs) };
  return { port: address.port, token, told };
}

async function runScript(
  guest: GuestClient,
  request: { shell: string; timeoutMs: number; env?: Record<string, string> },
  signal: AbortSignal,
): Promise<{ stdout: string; stderr: string; result: ExecResult }> {
  const output = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[] };
  let bytes = 0;
  for await (const event of guest.exec(
    {
      user: "root",
      stdin: false,
      ...request,
      env: { ...request.env, PANDASTACK_FRESH: randomBytes(TOKEN_BYTES).toString("hex") },
    },
    { signal },
  )) {
    if (event.kind === "stdout" || event.kind === "stderr") {
      bytes += event.data.length;
      if (bytes <= OUTPUT_LIMIT_BYTES) output[event.kind].push(Uint8Array.from(event.data));
    } else if (event.kind === "result") {
      const text = (chunks: Uint8Array[]) => Buffer.concat(chunks).toString("utf8");
      return { stdout: text(output.stdout), stderr: text(output.stderr), result: event.result };
    }
  }
  throw new Error("an exec stream ended without a result, an error or an abort");
}

async function* once(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes;
}
