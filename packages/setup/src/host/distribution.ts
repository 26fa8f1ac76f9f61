import { existsSync, readFileSync } from "node:fs";

/** Whether the host's packages come by apt, and which they are. */
export interface Distribution {
  /** As the user knows it: "Debian GNU/Linux 12 (bookworm)". */
  readonly title: string;
  readonly id: string;
  readonly version: string;
}

export function readDistribution(file = "/etc/os-release"): Distribution {
  const text = existsSync(file) ? readFileSync(file, "utf8") : "";
  const field = (name: string): string => new RegExp(`^${name}="?([^"\\n]*)"?$`, "m").exec(text)?.[1] ?? "";
  return { title: field("PRETTY_NAME") || "an unknown distribution", id: field("ID"), version: field("VERSION_ID") };
}

/** The ones that set-up installs packages on. */
export function isSupported(distribution: Distribution): boolean {
  const { id, version } = distribution;
  return (id === "debian" && ["12", "13"].includes(version)) || (id === "ubuntu" && version === "24.04");
}
