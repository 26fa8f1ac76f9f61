/** Addresses of IPv4 that share their first `prefix` bits. `base` is a whole number below 2^32 without bits after the prefix. */
export interface Cidr {
  readonly base: number;
  readonly prefix: number;
}

const CIDR = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:\/(\d{1,2}))?$/;

/** `1.2.3.0/24` or an address alone; a text that says what is wrong otherwise. Nothing is guessed: `10.0.0.1/8` is refused. */
export function parseCidr(text: string): Cidr | string {
  const match = CIDR.exec(text);
  if (match === null) return "is no IPv4 address or network, such as 192.0.2.0/24";
  const parts = match.slice(1, 5);
  if (parts.some((part) => Number(part) > 255 || (part.length > 1 && part.startsWith("0"))))
    return "is no IPv4 address: each part is a number from 0 to 255 without leading zeros";
  const prefix = match[5] === undefined ? 32 : Number(match[5]);
  if (prefix > 32) return "has a prefix longer than 32 bits";
  const address = parts.reduce((sum, part) => sum * 256 + Number(part), 0);
  const base = networkOf(address, prefix);
  return base === address
    ? { base, prefix }
    : `has bits after its prefix; did you mean ${formatCidr({ base, prefix })}?`;
}

export function formatCidr({ base, prefix }: Cidr): string {
  const address = [24, 16, 8, 0].map((shift) => Math.floor(base / 2 ** shift) % 256).join(".");
  return prefix === 32 ? address : `${address}/${prefix}`;
}

/** True when every address of `inner` is one of `outer`. Two networks are nested or have nothing in common. */
export const contains = (outer: Cidr, inner: Cidr): boolean =>
  outer.prefix <= inner.prefix && networkOf(inner.base, outer.prefix) === outer.base;

/** Without those that lie in another one, sorted: what a set of the kernel wants. */
export function withoutNested(cidrs: readonly Cidr[]): Cidr[] {
  const kept: Cidr[] = [];
  for (const cidr of [...cidrs].sort((a, b) => a.prefix - b.prefix || a.base - b.base))
    if (!kept.some((outer) => contains(outer, cidr))) kept.push(cidr);
  return kept.sort((a, b) => a.base - b.base);
}

const networkOf = (address: number, prefix: number): number => {
  const size = 2 ** (32 - prefix);
  return Math.floor(address / size) * size;
};
