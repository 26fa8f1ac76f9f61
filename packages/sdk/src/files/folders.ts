import {
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  type Stats,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { dirname, resolve } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Commands } from "../commands/commands.ts";
import { PandaStackError } from "../errors/errors.ts";
import type { CallOptions } from "../transport/http.ts";
import type { Files } from "./files.ts";
import { packFolder, unpackInto } from "./tar.ts";

/** How far a copy has come, after every piece. */
export interface TransferProgress {
  bytes: number;
  /** Of the whole; undefined where it is not known: folders, and files that grow. */
  totalBytes: number | undefined;
}

/** How a file or folder is copied. `timeoutMs`: for all of it; default: none. */
export interface TransferOptions extends CallOptions {
  onProgress?: ((progress: TransferProgress) => unknown) | undefined;
}

interface Counter {
  count(bytes: number): void;
}

/** Copies a file or folder of this machine into a sandbox, under exactly the name `to`. */
export async function uploadPath(
  parts: { files: Files; commands: Commands },
  from: string,
  to: string,
  options: TransferOptions,
): Promise<void> {
  const stats = localStat(from);
  if (stats.isDirectory()) return uploadFolder(parts.commands, from, to, options);
  const counter = counterOf(options, stats.size);
  const source = Readable.toWeb(createReadStream(from).pipe(counting(counter)));
  const mode = (stats.mode & 0o777).toString(8);
  await parts.files.write(to, source as ReadableStream<Uint8Array>, {
    signal: options.signal,
    timeoutMs: options.timeoutMs,
    mode,
  });
}

/** Copies a file or folder of a sandbox to this machine, under exactly the name `to`. */
export async function downloadPath(
  parts: { files: Files; commands: Commands },
  from: string,
  to: string,
  options: TransferOptions,
): Promise<void> {
  const call = { signal: options.signal };
  const stats = await parts.files.stat(from, call);
  mkdirSync(dirname(resolve(to)), { recursive: true });
  if (stats.is_dir) return downloadFolder(parts.commands, from, to, options);
  const counter = counterOf(options, stats.size);
  if (existsSync(to) && statSync(to).isDirectory())
    throw new PandaStackError(`${to} is a folder: name the file that shall be written`, { code: "client.local_file" });
  // Beside the target first: a copy that breaks off leaves what was there.
  const partial = `${to}.${process.pid}.part`;
  try {
    const source = await parts.files.readStream(from, call);
    await pipeline(source, counting(counter), createWriteStream(partial));
    renameSync(partial, to);
  } finally {
    rmSync(partial, { force: true });
  }
}

/**
 * As one archive through the input of a tar in the sandbox: nothing is written twice, whatever the number of files; modes and
 * links are kept. `keep: false`: where this program dies, so does that tar, which would wait for the rest for ever.
 */
async function uploadFolder(commands: Commands, from: string, to: string, options: TransferOptions): Promise<void> {
  const archive = packFolder(from);
  let localFailure: unknown;
  archive.finished.catch((error: unknown) => (localFailure = error));
  const source = archive.output.pipe(counting(counterOf(options, undefined)));
  try {
    const { exitCode, stderr } = await commands.run('mkdir -p "$TO" && exec tar -xf - -C "$TO" --no-same-owner', {
      env: { TO: to },
      stdin: source.iterator({ destroyOnReturn: false }),
      keep: false,
      signal: options.signal,
      timeoutMs: options.timeoutMs,
    });
    // An archive that was cut short here makes the other side fail too; one that the other side did not want, this one.
    if (exitCode !== 0)
      throw source.readableEnded
        ? (localFailure ?? sandboxFailure("unpack", stderr))
        : sandboxFailure("unpack", stderr);
    // What pads an archive may be left: the tar here ends only once it is taken.
    source.resume();
    await archive.finished;
  } finally {
    await archive[Symbol.asyncDispose]();
  }
}

async function downloadFolder(commands: Commands, from: string, to: string, options: TransferOptions): Promise<void> {
  const packing = await commands.start('exec tar -cf - -C "$FROM" .', {
    env: { FROM: from },
    attach: true,
    keep: false,
    signal: options.signal,
    timeoutMs: options.timeoutMs,
  });
  const counter = counterOf(options, undefined);
  let said = "";
  const archive = async function* (): AsyncGenerator<Uint8Array, void> {
    for await (const { type, data } of packing.output({ signal: options.signal })) {
      if (type === "stderr") said = (said + Buffer.from(data).toString("utf8")).slice(-2000);
      else {
        counter.count(data.length);
        yield data;
      }
    }
    const { exitCode } = await packing.exit();
    if (exitCode !== 0) throw sandboxFailure("pack", said);
  };
  mkdirSync(to, { recursive: true });
  try {
    await unpackInto(to, archive());
  } finally {
    packing.disconnect();
  }
}

function sandboxFailure(what: "pack" | "unpack", said: string): PandaStackError {
  return new PandaStackError(`could not ${what} in the sandbox: ${said.trim()}`, { code: "client.error" });
}

function localStat(path: string): Stats {
  try {
    return statSync(path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new PandaStackError(`cannot read ${path}: ${reason}`, { code: "client.local_file", cause });
  }
}

function counterOf(options: TransferOptions, totalBytes: number | undefined): Counter {
  let bytes = 0;
  return {
    count: (more) => {
      bytes += more;
      options.onProgress?.({ bytes, totalBytes });
    },
  };
}

function counting(counter: Counter): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      counter.count(chunk.length);
      done(null, chunk);
    },
  });
}
