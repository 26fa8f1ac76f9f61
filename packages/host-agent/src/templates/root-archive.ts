import { createWriteStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { constants, createZstdCompress } from "node:zlib";
import { Refusal } from "@pandastack/platform";
import type { Guest } from "../guest/guest.ts";

/** Of one root file system, uncompressed. Beyond it building, keeping and baking it would take the host's disk for one template. */
export const ARCHIVE_LIMIT_BYTES = 10 * 1024 ** 3;
const ARCHIVE_TIMEOUT_MS = 1_800_000;
const SAID_LIMIT = 2_000;
/** Fast: this is read once or twice. */
const COMPRESSION_LEVEL = 1;

const EXCLUDED = [
  ...["./proc/*", "./sys/*", "./dev/*", "./run/*", "./tmp/*", "./mnt/*", "./lost+found", "./usr/lib/pandastack"].map(
    (path) => `--exclude='${path}'`,
  ),
].join(" ");

/**
 * The root file system and nothing that is mounted over it, nor what belongs to one machine alone. `tar` ends with 1 where a
 * file changed while it was read: programs of the builder may still write their logs. An image may have another tar than GNU's,
 * which knows less; none at all it says itself.
 */
const ARCHIVE = [
  `case "$(tar --version 2>&1)" in`,
  `*"GNU tar"*) tar --create --one-file-system --numeric-owner --sparse --directory=/ ${EXCLUDED} . 2>/dev/null;;`,
  `*"not found"*) echo "there is no tar in it; install one in a step" >&2; exit 127;;`,
  `*) tar -c -f - -C / ${EXCLUDED} . 2>/dev/null;;`,
  "esac; test $? -lt 2",
].join("\n");

/** Writes a sandbox's root file system to `path`; answers how many bytes there are in it. */
export async function writeArchive(guest: Guest, path: string): Promise<number> {
  let bytes = 0;
  let said = "";
  async function* content(): AsyncGenerator<Buffer> {
    for await (const event of guest.exec({
      shell: ARCHIVE,
      user: "root",
      stdin: false,
      timeoutMs: ARCHIVE_TIMEOUT_MS,
    })) {
      if (event.kind === "stdout") {
        bytes += event.data.length;
        if (bytes > ARCHIVE_LIMIT_BYTES)
          throw new Refusal(
            "capacity.insufficient_storage",
            `the template's files are more than ${ARCHIVE_LIMIT_BYTES / 1024 ** 3} GiB`,
          );
        yield event.data;
      } else if (event.kind === "stderr") said = (said + event.data.toString("utf8")).slice(-SAID_LIMIT);
      else if (event.kind === "result" && event.result.exit_code !== 0)
        throw new Error(`the sandbox's files could not be read: tar ended with ${event.result.exit_code} ${said}`);
    }
  }
  const compress = createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: COMPRESSION_LEVEL } });
  await pipeline(content, compress, createWriteStream(path, { mode: 0o600 }));
  return bytes;
}
