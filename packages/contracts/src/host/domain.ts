/**
 * Names in a policy. `example.com` is that name alone; `*.example.com` is every name below it, at any depth, and not itself.
 * Upper and lower case are the same, and so is a dot at the end.
 */
export interface DomainPattern {
  readonly name: string;
  readonly isWildcard: boolean;
}

const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;
const MAX_NAME_CHARACTERS = 253;

/** A name in the one form that is compared; undefined when it cannot be the name of a machine. */
export function normaliseName(text: string): string | undefined {
  const name = (text.endsWith(".") ? text.slice(0, -1) : text).toLowerCase();
  const isName = name.length <= MAX_NAME_CHARACTERS && name.split(".").every((label) => LABEL.test(label));
  // A name that ends in a number would be read as an address somewhere.
  return isName && !/(?:^|\.)\d+$/.test(name) ? name : undefined;
}

/** The pattern; a text that says what is wrong otherwise. */
export function parseDomain(text: string): DomainPattern | string {
  // oxlint-disable-next-line no-control-regex
  if (/[^\x00-\x7f]/.test(text)) return "has letters outside of ASCII; write it as DNS does (xn--…)";
  const isWildcard = text.startsWith("*.");
  const name = normaliseName(isWildcard ? text.slice(2) : text);
  if (name === undefined || (!isWildcard && !name.includes(".")))
    return "is no domain, such as example.com or *.example.com, and no IPv4 network";
  return { name, isWildcard };
}

export const formatDomain = ({ name, isWildcard }: DomainPattern): string => (isWildcard ? `*.${name}` : name);

/** `name` as `normaliseName` gives it. */
export const matchesDomain = (pattern: DomainPattern, name: string): boolean =>
  pattern.isWildcard ? name.endsWith(`.${pattern.name}`) : name === pattern.name;

/** True when every name that `inner` matches is matched by `outer`. */
export const coversDomain = (outer: DomainPattern, inner: DomainPattern): boolean =>
  inner.isWildcard
    ? outer.isWildcard && (inner.name === outer.name || inner.name.endsWith(`.${outer.name}`))
    : matchesDomain(outer, inner.name);
