/** What guests, their kernel and the VMM are made of, whatever the host runs. */
export const DEBIAN_SUITE = "trixie";

/** From PANDASTACK_DEBIAN_MIRROR; undefined: the mirrors that mmdebstrap itself prefers. */
export type DebianMirror = string | undefined;

export function mirrorArguments(mirror: DebianMirror): string[] {
  return mirror === undefined ? [] : [mirror];
}
