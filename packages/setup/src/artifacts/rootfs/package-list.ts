import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runTool } from "../../tools/run-tool.ts";

/** Where every template says what it was made of; the catalogue's others write theirs anew as their last step. */
export const PACKAGE_LIST = "/usr/share/pandastack/packages.txt";
export const LIST_PROGRAM = "/usr/local/bin/template-packages";

const PROGRAM = `#!/bin/sh
# template-packages [--write]: every package in this machine with its version, one a line; --write: into ${PACKAGE_LIST}
set -eu
list() {
  dpkg-query --show --showformat='deb \${Package} \${Version}\\n'
  python3 -m pip --disable-pip-version-check list --format=freeze | sed 's/^/pip /; s/==/ /'
  node -p '"program node " + process.versions.node'
  node -e '
    const { globSync, readFileSync } = require("node:fs");
    for (const file of globSync(["*/package.json", "@*/*/package.json"], { cwd: "/usr/local/lib/node_modules" })) {
      const { name, version } = JSON.parse(readFileSync("/usr/local/lib/node_modules/" + file, "utf8"));
      if (version) console.log("npm", name, version);
    }'
  echo "program bun $(bun --version)"
  echo "program go $(sed -n 's/^go//p' /usr/local/go/VERSION)"
  echo "program mise $(MISE_OFFLINE=1 mise --version | cut -d ' ' -f 1)"
}
case "\${1-}" in
  --write) list > ${PACKAGE_LIST}.new && sort -o ${PACKAGE_LIST}.new ${PACKAGE_LIST}.new && mv ${PACKAGE_LIST}.new ${PACKAGE_LIST} ;;
  *) list | sort ;;
esac
`;

/** Node and Bun look into /proc; the mount is gone with the mount namespace that the tool runs in. */
const IN_ROOT = `set -eu
mount -t proc proc "$1/proc"
mount -t tmpfs tmpfs "$1/tmp"
exec chroot "$1" env -i PATH=/usr/local/bin:/usr/bin:/bin LC_ALL=C.UTF-8 HOME=/tmp "$2"`;

/** Puts the program there and its list beside it; answers the list. */
export async function writePackageList(root: string, log: (text: string) => void): Promise<string[]> {
  writeFileSync(join(root, LIST_PROGRAM), PROGRAM, { mode: 0o755 });
  mkdirSync(join(root, "usr/share/pandastack"), { recursive: true });
  const said = await runTool("sh", ["-c", IN_ROOT, "sh", root, LIST_PROGRAM], { log });
  const lines = said
    .split("\n")
    .filter((line) => line !== "")
    .sort();
  writeFileSync(join(root, PACKAGE_LIST), `${lines.join("\n")}\n`);
  return lines;
}
