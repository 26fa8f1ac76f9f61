import { X509Certificate } from "node:crypto";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

const HOST_FOLDER = "/usr/local/share/ca-certificates";
const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * Additional certificates that guests are to trust, by PANDASTACK_GUEST_CA: `host` takes what the host's administrator has
 * added, a path takes that file (one certificate or many), nothing takes none. Sorted, so that the same set is the same key.
 */
export function readGuestCertificates(setting: string | undefined): string[] {
  if (setting === undefined || setting === "" || setting === "none") return [];
  const files = setting === "host" ? hostFiles() : [setting];
  const certificates = files.flatMap((file) => [...readFileSync(file, "utf8").matchAll(PEM)].map((match) => match[0]));
  if (certificates.length === 0)
    throw new Error(`PANDASTACK_GUEST_CA=${setting}: no certificates found in ${files.join(", ") || HOST_FOLDER}`);
  // Parsed so that a broken file fails here, with its name known, and not in a guest.
  for (const certificate of certificates) new X509Certificate(certificate);
  return [...new Set(certificates)].sort();
}

/** Whether the host's administrator has added certificates: then this network probably inspects TLS. */
export function hasHostCertificates(): boolean {
  return hostFiles().length > 0;
}

function hostFiles(): string[] {
  if (!existsSync(HOST_FOLDER)) return [];
  return readdirSync(HOST_FOLDER, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".crt"))
    .sort()
    .map((name) => join(HOST_FOLDER, name));
}
