import { BlockList, isIP, type LookupFunction } from "node:net";
import { lookup } from "node:dns";
import { badImage } from "../failures.ts";

/**
 * Addresses that no registry of the internet has: this host's own, its network's, the cloud's metadata. A reference is some
 * tenant's text, and what it leads to is fetched by the host itself.
 */
const shut = new BlockList();
for (const [network, prefix] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 3],
] as const)
  shut.addSubnet(network, prefix, "ipv4");
/** Of IPv6 only what is given out to the world, and of that nothing that is translated into an IPv4 address. */
const open6 = new BlockList();
open6.addSubnet("2000::", 3, "ipv6");
const shut6 = new BlockList();
for (const [network, prefix] of [
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20],
] as const)
  shut6.addSubnet(network, prefix, "ipv6");

export function isPublic(address: string): boolean {
  const family = isIP(address);
  if (family === 4) return !shut.check(address, "ipv4");
  if (family !== 6) return false;
  return open6.check(address, "ipv6") && !shut6.check(address, "ipv6");
}

/** Registries that the operator has opened although they are private, and how they are spoken to. */
export interface PrivateRegistries {
  readonly origins: ReadonlySet<string>;
}

/** `http://127.0.0.1:5000, https://registry.lan`: a list of origins. */
export function readPrivateRegistries(text: string | undefined): PrivateRegistries {
  const origins = (text ?? "")
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .map((part) => {
      const url = URL.canParse(part) ? new URL(part) : undefined;
      if (url === undefined || !/^https?:$/.test(url.protocol) || url.pathname !== "/" || url.username !== "")
        throw new Error(`PANDASTACK_PRIVATE_REGISTRIES: ${part} is no origin, such as http://127.0.0.1:5000`);
      return url.origin;
    });
  return { origins: new Set(origins) };
}

const isOpened = (url: URL, { origins }: PrivateRegistries): boolean => origins.has(url.origin);

/** Refuses what may not be asked, whoever says it: a reference, a redirect, a registry's own words. */
export function requireAllowed(url: URL, registries: PrivateRegistries): void {
  if (isOpened(url, registries)) return;
  const said = `${url.protocol}//${url.host}`;
  if (url.protocol !== "https:") throw badImage(`${said} is not asked: registries are spoken to by HTTPS`);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (isIP(host) !== 0 && !isPublic(host)) throw notAllowed(said);
}

const notAllowed = (said: string) =>
  badImage(
    `${said} is not asked: it is in a private network, and the operator has not opened it (PANDASTACK_PRIVATE_REGISTRIES)`,
  );

/** Looks at every address that a name stands for, at the moment of connecting: a name may stand for another one the next time. */
export function lookupFor(url: URL, registries: PrivateRegistries): LookupFunction {
  return (name, options, done) => {
    lookup(name, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return done(error, "", 0);
      const wrong = isOpened(url, registries) ? undefined : addresses.find(({ address }) => !isPublic(address));
      if (wrong !== undefined) return done(notAllowed(`${url.protocol}//${url.host}`), "", 0);
      if (addresses.length === 0) return done(badImage(`${name} has no address`), "", 0);
      if (options.all === true) return done(null, addresses);
      return done(null, addresses[0]!.address, addresses[0]!.family);
    });
  };
}

/** Where a registry's API is. One that the operator opened for plain HTTP is spoken to so. */
export function originOf(registry: string, { origins }: PrivateRegistries): string {
  if (origins.has(`http://${registry}`)) return `http://${registry}`;
  return `https://${registry === "docker.io" ? "registry-1.docker.io" : registry}`;
}
