import { posix } from "node:path";
import { Refusal } from "@pandastack/platform";
import type { GuestClient } from "../hosts/guest.ts";
import type { BuildMirrors } from "../templates/mirrors.ts";

/** These scripts take a fraction of a second; the shell that runs them is the recipe's own, and may be one that never ends. */
const SCRIPT_TIMEOUT_MS = 60_000;
/** Memory in every guest, and no part of what is packed. */
const FOLDER = "/run/pandastack-build";
const CA = `${FOLDER}/ca.pem`;
const BUNDLE = `${FOLDER}/ca-bundle.pem`;
const APT_CONFIG = `${FOLDER}/apt.conf`;
/** Cargo looks for its settings in every folder above the one that it works in. */
const CARGO_FOLDER = "/.cargo";

/** What each tool reads them from. Variables of the recipe go before these. */
export function mirrorEnv(mirrors: BuildMirrors): Record<string, string> {
  const { npm, pip, go, ca, apt } = mirrors;
  const isPlain = pip !== undefined && pip.startsWith("http://");
  return {
    ...(npm === undefined ? {} : { npm_config_registry: npm, YARN_NPM_REGISTRY_SERVER: npm, BUN_CONFIG_REGISTRY: npm }),
    ...(pip === undefined ? {} : { PIP_INDEX_URL: pip, UV_DEFAULT_INDEX: pip }),
    ...(isPlain ? { PIP_TRUSTED_HOST: new URL(pip).host } : {}),
    ...(go === undefined ? {} : { GOPROXY: go }),
    ...(ca === undefined
      ? {}
      : {
          SSL_CERT_FILE: BUNDLE,
          CURL_CA_BUNDLE: BUNDLE,
          REQUESTS_CA_BUNDLE: BUNDLE,
          PIP_CERT: BUNDLE,
          GIT_SSL_CAINFO: BUNDLE,
          CARGO_HTTP_CAINFO: BUNDLE,
          NODE_EXTRA_CA_CERTS: CA,
        }),
    ...(apt === undefined && ca === undefined ? {} : { APT_CONFIG }),
  };
}

/** Empty where nothing needs a file. */
export function mirrorFiles({ cargo, ca, apt }: BuildMirrors): { readonly path: string; readonly text: string }[] {
  const aptConf = [
    ...(ca === undefined ? [] : [`Acquire::https::CAInfo "${BUNDLE}";`]),
    // A mirror in the operator's own network says itself what it is.
    ...(apt === undefined ? [] : ['Acquire::Retries "3";']),
  ];
  return [
    ...(ca === undefined ? [] : [{ path: CA, text: ca }]),
    ...(aptConf.length === 0 ? [] : [{ path: APT_CONFIG, text: `${aptConf.join("\n")}\n` }]),
    ...(cargo === undefined
      ? []
      : [
          {
            path: `${FOLDER}/cargo/config.toml`,
            text: `[source.crates-io]\nreplace-with = "operator"\n[source.operator]\nregistry = ${JSON.stringify(cargo)}\n`,
          },
        ]),
  ];
}

/**
 * Debian's own addresses in apt's sources are the mirror's while a step runs. A file that the step has not touched gets its bytes back;
 * in one that it wrote Debian's addresses are put in the mirror's place. `$1`: the mirror.
 */
const APT_ENTER = `set -eu
kept=${FOLDER}/apt; mkdir -p "$kept"
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
  test -f "$file" || continue
  grep -q 'deb.debian.org/debian' "$file" || continue
  copy="$kept/$(basename "$file")"
  cp -p "$file" "$copy"
  sed "s|https\\{0,1\\}://deb\\.debian\\.org/debian|$1|g" "$copy" > "$copy.mirrored"
  cat "$copy.mirrored" > "$file"
done`;
const APT_LEAVE = `set -eu
kept=${FOLDER}/apt
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
  test -f "$file" || continue
  copy="$kept/$(basename "$file")"
  if test -f "$copy.mirrored" && cmp -s "$copy.mirrored" "$file"; then cat "$copy" > "$file"; touch -r "$copy" "$file"
  elif grep -qF "$1" "$file"; then sed -i "s|$1|http://deb.debian.org/debian|g" "$file"; fi
done
rm -rf "$kept"`;
/** Between two steps apt's lists are of use; they are named after the mirror, and so they go in the end. */
const APT_FORGET = `host=$(echo "$1" | sed 's|^[a-z]*://||; s|/.*||; s|.*@||; s|:.*||'); rm -f /var/lib/apt/lists/"$host"[_:%]*`;
/** `$1`: certificates. */
const BUNDLE_SCRIPT = `set -eu
cat /etc/ssl/certs/ca-certificates.crt "$1" > ${BUNDLE} 2>/dev/null || cp "$1" ${BUNDLE}`;
const CARGO_ENTER = `test -e ${CARGO_FOLDER} || ln -s ${FOLDER}/cargo ${CARGO_FOLDER}`;
const CARGO_LEAVE = `test ! -L ${CARGO_FOLDER} || rm ${CARGO_FOLDER}`;

/** The operator's mirrors and certificates around one step. */
export class BuildSurroundings {
  readonly #mirrors: BuildMirrors;

  constructor(mirrors: BuildMirrors) {
    this.#mirrors = mirrors;
  }

  get env(): Readonly<Record<string, string>> {
    return mirrorEnv(this.#mirrors);
  }

  async enter(guest: GuestClient, signal: AbortSignal): Promise<void> {
    const { apt, ca, cargo } = this.#mirrors;
    for (const { path, text } of mirrorFiles(this.#mirrors)) {
      await guest.fs({ op: "mkdir", path: posix.dirname(path), parents: true, mode: 0o755 });
      await guest.writeFile({ path, mode: 0o644, signal }, one(Buffer.from(text)));
    }
    if (ca !== undefined) await shell(guest, BUNDLE_SCRIPT, CA, signal);
    if (apt !== undefined) await shell(guest, APT_ENTER, apt, signal);
    if (cargo !== undefined) await shell(guest, CARGO_ENTER, "", signal);
  }

  async leave(guest: GuestClient): Promise<void> {
    const { apt, cargo } = this.#mirrors;
    if (apt !== undefined) await shell(guest, APT_LEAVE, apt);
    if (cargo !== undefined) await shell(guest, CARGO_LEAVE, "");
    if (mirrorFiles(this.#mirrors).length > 0)
      await guest.fs({ op: "remove", path: FOLDER, recursive: true, missing_ok: true });
  }

  /** Before what was built is taken out. */
  async forget(guest: GuestClient, signal: AbortSignal): Promise<void> {
    const { apt } = this.#mirrors;
    if (apt !== undefined) await shell(guest, APT_FORGET, apt, signal);
  }
}

/** Constant text: what varies comes as its argument. */
async function shell(guest: GuestClient, script: string, argument: string, given?: AbortSignal): Promise<void> {
  const limit = AbortSignal.timeout(SCRIPT_TIMEOUT_MS);
  const signal = given === undefined ? limit : AbortSignal.any([given, limit]);
  const argv = ["/bin/sh", "-c", script, "sh", argument];
  let said = "";
  let isDone = false;
  for await (const event of guest.exec({ argv, user: "root", cwd: "/", stdin: false }, { signal, kill: true })) {
    if (event.kind === "stderr") said = (said + Buffer.from(event.data).toString("utf8")).slice(-500);
    if (event.kind === "result") isDone = event.result.exit_code === 0;
  }
  given?.throwIfAborted();
  if (!isDone) throw new Refusal("exec.bad_request", `the server's mirrors could not be set up: ${said.trim()}`);
}

async function* one(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes;
}
