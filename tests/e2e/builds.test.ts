import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished } from "vitest";
import { Template } from "@pandastack/sdk";
import { DEFAULT_CACHE_DIR } from "../../packages/setup/src/settings.ts";
import { panda, server } from "./support/api.ts";
import { itWhen } from "./support/not-run.ts";

const onThisHost = itWhen(
  process.getuid?.() === 0 && server.dataDir !== null && !server.isFake,
  "needs root and a server with real sandboxes on this host",
);
const cacheDir = process.env["PANDASTACK_CACHE_DIR"] || DEFAULT_CACHE_DIR;

const marks = (): string[] => {
  const folder = join(server.dataDir!, "roots");
  return existsSync(folder) ? readdirSync(folder) : [];
};

/** Files below these that have the text, as they are and, where they are packed, unpacked. Disks are mostly holes: tar leaves them out. */
function filesWith(text: string, places: readonly string[]): string[] {
  const script =
    'text=$1; shift; find "$@" -type f -newermt "@$SINCE" | while read -r file; do case $file in *.zst) zstd -dcq "$file";; *) tar --create --sparse --absolute-names --file=- -- "$file";; esac | grep -qaF -- "$text" && echo "$file"; done; true';
  const options = { encoding: "utf8", env: { ...process.env, SINCE: String(since) } } as const;
  return execFileSync("bash", ["-c", script, "bash", text, ...places], options)
    .split("\n")
    .filter(Boolean);
}
/** A second's slack: file systems round. */
const since = Math.floor(Date.now() / 1000) - 1;

describe("a template's build", () => {
  onThisHost(
    "leaves its secrets in no layer, root, memory, log or database",
    async () => {
      const name = `hushed-${Date.now()}`;
      const secret = `hush-${randomBytes(16).toString("hex")}`;
      const marker = `plain-${randomBytes(16).toString("hex")}`;
      const before = new Set(marks());
      const template = Template.from("base")
        .run(`echo ${marker} > /srv/before`)
        .run("cat /run/secrets/token; stat -c %a /run/secrets/token > /srv/mode; ls -l /root/.token", {
          secrets: [{ id: "token", target: "/root/.token" }],
        })
        .run("test ! -e /run/secrets/token && test ! -L /root/.token && echo after > /srv/after");
      const build = await panda.templates.build(name, template, { secrets: { token: secret } });
      onTestFinished(() => panda.templates.delete(name).catch(() => {}));
      await build.done();
      const said = await build.logs().toArray();
      expect(
        said.some((line) => line.startsWith("********")),
        said.join("\n"),
      ).toBe(true);
      expect(said.join("\n")).not.toContain(secret);

      const sandbox = await panda.sandboxes.create({ template: name });
      onTestFinished(() => sandbox.kill().catch(() => {}));
      expect((await sandbox.commands.run("cat /srv/before /srv/mode /srv/after")).stdout).toBe(
        `${marker}\n400\nafter\n`,
      );
      // The memory that every sandbox of it starts with, and what one has made of it.
      const snapshot = await sandbox.snapshots.create();
      onTestFinished(() => panda.snapshots.delete(snapshot.id).catch(() => {}));

      const roots = marks().filter((key) => !before.has(key));
      expect(roots).toHaveLength(1);
      const places = [
        ...["pool/snapshots", "pool/templates", "pool/sandboxes", "logs", "journal", "pg"].map((folder) =>
          join(server.dataDir!, folder),
        ),
        ...roots.map((key) => join(cacheDir, "roots", key)),
      ].filter((path) => existsSync(path));
      const marked = filesWith(marker, places);
      expect(
        marked.some((path) => path.includes("/roots/")),
        marked.join(),
      ).toBe(true);
      expect(
        marked.some((path) => path.includes("/pool/snapshots/")),
        marked.join(),
      ).toBe(true);
      expect(filesWith(secret, places)).toEqual([]);
    },
    300_000,
  );
});
