import { readFileSync } from "node:fs";

/** Where steps of builds get packages from, by the operator's settings; nothing of it is in what is built. */
export interface BuildMirrors {
  readonly npm: string | undefined;
  readonly pip: string | undefined;
  readonly apt: string | undefined;
  readonly cargo: string | undefined;
  readonly go: string | undefined;
  /** Certificates, PEM. */
  readonly ca: string | undefined;
}
export const NO_MIRRORS: BuildMirrors = {
  npm: undefined,
  pip: undefined,
  apt: undefined,
  cargo: undefined,
  go: undefined,
  ca: undefined,
};

/** A variable for each: `PANDASTACK_BUILD_…`. */
const URLS = {
  npm: "PANDASTACK_BUILD_NPM_REGISTRY",
  pip: "PANDASTACK_BUILD_PIP_INDEX",
  apt: "PANDASTACK_BUILD_APT_MIRROR",
  cargo: "PANDASTACK_BUILD_CARGO_REGISTRY",
} as const;
const GO = "PANDASTACK_BUILD_GOPROXY";
const CA_FILE = "PANDASTACK_BUILD_CA";
/** What no address needs, and a shell or a settings file would read as its own. */
const URL_TEXT = /^(sparse\+)?https?:\/\/[A-Za-z0-9._~:/?&=%@+,;[\]-]+$/;
/** Goes into a line of apt's sources, and is looked for there. */
const APT_TEXT = /^https?:\/\/[A-Za-z0-9._~:/@+-]+$/;
const GO_TEXT = /^[A-Za-z0-9._~:/?&=%@+,;|[\]-]+$/;

export function readMirrors(text: (name: string) => string | undefined, problems: string[]): BuildMirrors {
  const url = (name: keyof typeof URLS): string | undefined => {
    const value = text(URLS[name]);
    if (value === undefined) return undefined;
    const isRight = (name === "apt" ? APT_TEXT : URL_TEXT).test(value);
    if (isRight && (name === "cargo" || !value.startsWith("sparse+")))
      return name === "apt" ? value.replace(/\/+$/, "") : value;
    problems.push(`${URLS[name]} has to be an http(s) address, not ${JSON.stringify(value)}`);
    return undefined;
  };
  const go = text(GO);
  if (go !== undefined && !GO_TEXT.test(go)) problems.push(`${GO} has to be as GOPROXY, not ${JSON.stringify(go)}`);
  return {
    npm: url("npm"),
    pip: url("pip"),
    apt: url("apt"),
    cargo: url("cargo"),
    go,
    ca: readCertificates(text(CA_FILE), problems),
  };
}

function readCertificates(path: string | undefined, problems: string[]): string | undefined {
  if (path === undefined) return undefined;
  try {
    const pem = readFileSync(path, "utf8");
    if (pem.includes("-----BEGIN CERTIFICATE-----")) return pem;
    problems.push(`${CA_FILE}: ${path} holds no certificate in PEM`);
  } catch (error) {
    problems.push(`${CA_FILE}: ${path} cannot be read: ${(error as Error).message}`);
  }
  return undefined;
}
