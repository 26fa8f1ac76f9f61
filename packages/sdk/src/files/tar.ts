import { spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { PandaStackError } from "../errors/errors.ts";

export interface PackedFolder extends AsyncDisposable {
  output: Readable;
  /** Rejects where tar could not read everything. */
  finished: Promise<void>;
}

/** The contents of a folder as an archive, by this machine's tar. */
export function packFolder(folder: string): PackedFolder {
  const child = spawn("tar", ["-cf", "-", "-C", folder, "."], { stdio: ["ignore", "pipe", "pipe"] });
  const finished = ended(child);
  finished.catch(() => undefined);
  return {
    output: child.stdout,
    finished,
    [Symbol.asyncDispose]: async () => {
      child.kill();
      await finished.catch(() => undefined);
    },
  };
}

/** Unpacks what a sandbox sent: tar itself refuses names that lead out of the folder; owners and special modes are not taken over. */
export async function unpackInto(folder: string, archive: AsyncIterable<Uint8Array>): Promise<void> {
  const child = spawn("tar", ["-xf", "-", "-C", folder, "--no-same-owner", "--no-same-permissions"], {
    stdio: ["pipe", "ignore", "pipe"],
  });
  const finished = ended(child);
  const [sent, outcome] = await Promise.allSettled([feed(archive, child.stdin, finished), finished]);
  // Where both failed: tar's own words say less than the sandbox's, which cut the archive.
  if (sent.status === "rejected") throw sent.reason;
  if (outcome.status === "rejected") throw outcome.reason;
}

/**
 * tar may end at the mark that ends an archive, before what pads it has come: the rest is read all the same, since only its end
 * says whether the other side could pack everything. Where tar failed, nothing more is needed.
 */
async function feed(archive: AsyncIterable<Uint8Array>, stdin: Writable, finished: Promise<void>): Promise<void> {
  let hasFailed = false;
  finished.catch(() => (hasFailed = true));
  const closed = new Promise<void>((resolve) => stdin.once("close", resolve));
  // A broken pipe: tar has ended, and says itself how.
  stdin.on("error", () => undefined);
  try {
    for await (const chunk of archive) {
      // Nobody takes it any more: tar has ended, well or not.
      if (stdin.destroyed) await finished.catch(() => undefined);
      if (hasFailed) return;
      if (stdin.destroyed || stdin.write(chunk)) continue;
      await Promise.race([closed, new Promise<void>((resolve) => stdin.once("drain", resolve))]);
    }
  } finally {
    stdin.end();
  }
}

async function ended(child: ReturnType<typeof spawn>): Promise<void> {
  let said = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (said = (said + text).slice(-2000)));
  const code = await new Promise<number | null>((resolve, reject) =>
    child
      .once("error", (cause) =>
        reject(
          new PandaStackError(`cannot run tar, which copies of folders need: ${cause.message}`, {
            code: "client.local_file",
            cause,
          }),
        ),
      )
      .once("close", resolve),
  );
  if (code !== 0) throw new PandaStackError(`tar failed (${code}): ${said.trim()}`, { code: "client.local_file" });
}
