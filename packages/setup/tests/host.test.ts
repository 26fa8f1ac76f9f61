import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { readGuestCertificates } from "../src/artifacts/rootfs/guest-ca.ts";
import { isSupported, readDistribution } from "../src/host/distribution.ts";
import { systemPackages } from "../src/host/system-packages.ts";
import { temporaryFolder } from "./folder.ts";

function osRelease(text: string): string {
  const file = join(temporaryFolder(), "os-release");
  writeFileSync(file, text);
  return file;
}

it("knows the distributions that it installs packages on", () => {
  const supported = [`ID=debian\nVERSION_ID="12"\n`, `ID=debian\nVERSION_ID="13"\n`, `ID=ubuntu\nVERSION_ID="24.04"\n`];
  for (const text of supported) expect(isSupported(readDistribution(osRelease(text)))).toBe(true);
  for (const text of [`ID=fedora\nVERSION_ID=42\n`, `ID=debian\nVERSION_ID="11"\n`, ""])
    expect(isSupported(readDistribution(osRelease(text)))).toBe(false);
});

it("tells others what to install", async () => {
  const fedora = readDistribution(osRelease(`PRETTY_NAME="Fedora Linux 42"\nID=fedora\nVERSION_ID=42\n`));
  const attempt = systemPackages(fedora).run({ say: () => {}, log: () => {} });
  await expect(attempt).rejects.toThrow(
    /Fedora Linux 42 is not one that PandaStack installs packages on[\s\S]*mmdebstrap[\s\S]*cargo/,
  );
});

it("reads additional certificates from a file, each once, and says when there are none", () => {
  const folder = temporaryFolder();
  const bundle = readFileSync("/etc/ssl/certs/ca-certificates.crt", "utf8")
    .split(/(?<=-----END CERTIFICATE-----\n)/)
    .slice(0, 2)
    .join("");
  const file = join(folder, "ca.pem");
  writeFileSync(file, `# two of them\n${bundle}${bundle}`);
  expect(readGuestCertificates(file)).toHaveLength(2);
  expect(readGuestCertificates(undefined)).toEqual([]);
  mkdirSync(join(folder, "empty"));
  writeFileSync(join(folder, "empty/ca.pem"), "");
  expect(() => readGuestCertificates(join(folder, "empty/ca.pem"))).toThrow(/no certificates found/);
});
