/** What a request's `Host` names; the port, if any, has to be 80, the one that was dialled. */
export type HostVerdict =
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "none" }
  | { readonly kind: "bad" };

const AUTHORITY = /^([A-Za-z0-9._-]{1,254})(?::(\d{1,5}))?$/;

/**
 * The host that a request is for. `hosts`: every Host header it has; `target`: what stands in its first line. Two ways to say
 * it have to say the same: proxies and servers disagree about which one counts.
 */
export function readHost(hosts: readonly string[], target: string): HostVerdict {
  if (hosts.length > 1) return { kind: "bad" };
  const own = hosts[0] === undefined ? undefined : readAuthority(hosts[0].trim());
  if (hosts[0] !== undefined && own === undefined) return { kind: "bad" };
  if (target.startsWith("/") || target === "*")
    return own === undefined ? { kind: "none" } : { kind: "name", name: own };
  const match = /^http:\/\/([^/?#]*)(?:[/?#]|$)/i.exec(target);
  const other = match === null ? undefined : readAuthority(match[1]!);
  if (other === undefined || (own !== undefined && own !== other)) return { kind: "bad" };
  return { kind: "name", name: other };
}

function readAuthority(text: string): string | undefined {
  const match = AUTHORITY.exec(text);
  if (match === null || (match[2] !== undefined && match[2] !== "80")) return undefined;
  const name = match[1]!.toLowerCase();
  return name.endsWith(".") ? name.slice(0, -1) : name;
}
