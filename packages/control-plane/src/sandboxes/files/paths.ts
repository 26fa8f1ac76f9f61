/** Where commands start, so that `echo > a.txt` and a read of `a.txt` mean the same file. */
const HOME = "/root";

/** A caller's path as the guest wants it: absolute. The guest resolves `..` itself. */
export function guestPath(path: string): string {
  return path.startsWith("/") ? path : `${HOME}/${path}`;
}
