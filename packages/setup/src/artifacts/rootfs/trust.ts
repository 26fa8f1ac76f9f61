import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runTool } from "../../tools/run-tool.ts";

const BUNDLE = "/etc/ssl/certs/ca-certificates.crt";
const EXTRA = "/etc/ssl/pandastack-extra.pem";

/**
 * Makes everything inside trust `certificates`. curl, git, apt, OpenSSL and Python's own ssl follow the system's bundle. Node,
 * npm, pip and requests bring bundles of their own, so each is told where it looks: by its configuration file where it has one,
 * else by /etc/environment, which the guest agent reads for every process it starts.
 */
export async function trustCertificates(
  root: string,
  certificates: readonly string[],
  log: (text: string) => void,
): Promise<void> {
  if (certificates.length === 0) return;
  const folder = join(root, "usr/local/share/ca-certificates");
  mkdirSync(folder, { recursive: true });
  // One a file: update-ca-certificates hashes the first of a file only.
  certificates.forEach((certificate, index) =>
    writeFileSync(join(folder, `pandastack-${index + 1}.crt`), `${certificate}\n`),
  );
  // The caller's folder for temporary files is not in there.
  const env = { ...process.env, TMPDIR: "/tmp" };
  await runTool("chroot", [root, "/usr/sbin/update-ca-certificates"], { log, env });
  // Node adds these to its own: parsing the whole bundle would cost every start of Node in an emulated guest.
  writeFileSync(join(root, EXTRA), certificates.map((certificate) => `${certificate}\n`).join(""));
  appendFileSync(join(root, "etc/pip.conf"), `cert = ${BUNDLE}\n`);
  appendFileSync(join(root, "usr/local/etc/npmrc"), `cafile=${BUNDLE}\n`);
  appendFileSync(
    join(root, "etc/environment"),
    [
      `NODE_EXTRA_CA_CERTS=${EXTRA}`,
      `REQUESTS_CA_BUNDLE=${BUNDLE}`,
      `SSL_CERT_FILE=${BUNDLE}`,
      `PIP_CERT=${BUNDLE}`,
      "",
    ].join("\n"),
  );
}
