import { resolve } from "node:path";

/** What the user can choose, from the environment. */
export interface Settings {
  readonly repository: string;
  readonly dataDir: string;
  readonly cacheDir: string;
  readonly debianMirror: string | undefined;
  readonly guestCa: string | undefined;
  /** A runsc to be used as it is, `build`, `debian`, or `none`. */
  readonly runsc: string | undefined;
}

const REPOSITORY = resolve(import.meta.dirname, "../../..");
export const DEFAULT_CACHE_DIR = "/var/cache/pandastack";

export function readSettings(env: NodeJS.ProcessEnv = process.env): Settings {
  const given = (name: string): string | undefined => (env[name] === "" ? undefined : env[name]);
  return {
    repository: REPOSITORY,
    // Relative to where the user called from, which under npm is the repository.
    dataDir: resolve(given("PANDASTACK_DATA_DIR") ?? resolve(REPOSITORY, ".pandastack")),
    cacheDir: resolve(given("PANDASTACK_CACHE_DIR") ?? DEFAULT_CACHE_DIR),
    debianMirror: given("PANDASTACK_DEBIAN_MIRROR"),
    guestCa: given("PANDASTACK_GUEST_CA"),
    runsc: given("PANDASTACK_RUNSC"),
  };
}
