/**
 * Whether a path is one of those that a link opens, or below one. A path that the server inside could read as another one
 * (dot segments, escaped slashes and dots, backslashes, an escape that hides an escape) is in none: who decides must see
 * what is served.
 */
export function isAllowed(pathAndQuery: string, prefixes: readonly string[]): boolean {
  if (prefixes.length === 0) return true;
  const path = pathAndQuery.split("?", 1)[0] ?? "";
  if (isAmbiguous(path)) return false;
  return prefixes.some((prefix) => path === prefix || path.startsWith(prefix.endsWith("/") ? prefix : `${prefix}/`));
}

function isAmbiguous(path: string): boolean {
  if (/%(2f|5c|2e|25|00)/i.test(path) || /[\\;]/.test(path) || path.includes("//")) return true;
  return path.split("/").some((segment) => segment === "." || segment === "..");
}

/** A query without the parameters of this name; every other byte of it stays. */
export function withoutParameter(pathAndQuery: string, name: string): string {
  const at = pathAndQuery.indexOf("?");
  if (at < 0) return pathAndQuery;
  const kept = pathAndQuery
    .slice(at + 1)
    .split("&")
    .filter((pair) => nameOf(pair) !== name);
  const query = kept.join("&");
  return pathAndQuery.slice(0, at) + (query === "" ? "" : `?${query}`);
}

function nameOf(pair: string): string {
  const raw = pair.split("=", 1)[0]!.replaceAll("+", " ");
  try {
    return decodeURIComponent(raw);
  } catch {
    return raw;
  }
}
