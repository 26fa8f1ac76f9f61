// Runs after `npm ci`: `npx pandastack` in this repository is this command line. The tests' published client brings a command of
// the same name, and npm links whichever comes first.
import { existsSync, rmSync, symlinkSync } from "node:fs";
import { fileURLToPath } from "node:url";

const link = fileURLToPath(new URL("../../../node_modules/.bin/pandastack", import.meta.url));
if (existsSync(new URL("../../../node_modules/.bin", import.meta.url))) {
  rmSync(link, { force: true });
  symlinkSync("../@pandastack/cli/bin/pandastack.mjs", link);
}
