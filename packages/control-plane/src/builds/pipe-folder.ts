import { Fault } from "@pandastack/platform";
import type { GuestClient } from "../hosts/guest.ts";
import { parseProcessMessage } from "../hosts/process-socket.ts";
import type { Owner } from "./owner.ts";
import { runTool, tail, toolFailed, TOOL_TIMEOUT_MS } from "./tools.ts";

interface Piping {
  readonly from: string;
  readonly to: string;
  readonly owner: Owner | undefined;
  readonly mode: number | undefined;
  readonly signal: AbortSignal;
}

/** Each side's own `tar`; what goes from one sandbox to the other is looked at by nobody in between. */
const PACKING = "packing the files";
const UNPACKING = "unpacking the files";

/** What is in a folder of one machine, into a folder of another, as a stream. */
export async function pipeFolder(source: GuestClient, target: GuestClient, piping: Piping): Promise<void> {
  const { from, to, owner, mode, signal } = piping;
  await target.fs({ op: "mkdir", path: to, parents: true });
  const names: string[] = [];
  for await (const { name } of source.listFiles({ path: from, depth: 1, signal })) names.push(`./${name}`);
  if (names.length === 0) return;
  const changes = [
    ...(owner === undefined ? [] : [`--owner=+${owner.uid}`, `--group=+${owner.gid}`]),
    ...(mode === undefined ? [] : [`--mode=${mode.toString(8)}`]),
  ];
  const pack = ["tar", "-c", ...changes, "-C", from, "-f", "-", "--", ...names];
  // A folder that is there as a link to one stays that; other tars than GNU's do so without being told.
  const isGnu = (await runTool(target, ["tar", "--version"], { what: UNPACKING, signal })).includes("GNU tar");
  const unpack = ["tar", "-x", "-p", ...(isGnu ? ["--keep-directory-symlink"] : []), "-C", to, "-f", "-"];
  const sink = await openSink(target, unpack, signal);
  try {
    let said = "";
    const request = { argv: pack, user: "root", stdin: false, timeoutMs: TOOL_TIMEOUT_MS };
    for await (const event of source.exec(request, { signal, kill: true })) {
      if (event.kind === "stdout") await sink.write(event.data);
      else if (event.kind === "stderr") said = tail(said, event.data);
      else if (event.kind === "result" && event.result.exit_code !== 0)
        throw toolFailed(pack, PACKING, event.result.exit_code, said);
    }
    await sink.end();
  } finally {
    sink.close();
  }
}

interface Sink {
  write(bytes: Uint8Array): Promise<void>;
  /** Resolves once the program has ended well. */
  end(): Promise<void>;
  close(): void;
}

async function openSink(guest: GuestClient, argv: string[], signal: AbortSignal): Promise<Sink> {
  const exec = { argv, user: "root", stdin: true, timeoutMs: TOOL_TIMEOUT_MS };
  const begun = await guest.processSocket({ exec, keep: false });
  const { socket } = begun;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  promise.catch(() => {});
  let said = "";
  begun.listen((data, isBinary) => {
    const message = parseProcessMessage(data, isBinary);
    if (message.kind === "stderr") said = tail(said, message.data);
    else if (message.kind === "error") reject(message.error);
    else if (message.kind === "result" && message.result.exit_code === 0) resolve();
    else if (message.kind === "result") reject(toolFailed(argv, UNPACKING, message.result.exit_code, said));
  });
  const hangUp = (): void => socket.terminate();
  signal.addEventListener("abort", hangUp, { once: true });
  begun.onClose(() => reject(new Fault("host.unavailable", "the connection to the host was lost; try again")));
  return {
    write: async (bytes) => {
      const sent = Promise.withResolvers<void>();
      socket.send(bytes, (error) => (error == null ? sent.resolve() : sent.reject(error)));
      // Whoever has ended reads no more: that is what has to be said, not that its socket is gone.
      await Promise.race([sent.promise, promise.then(() => sent.promise)]).catch((error: unknown) =>
        Promise.race([promise, Promise.reject(error)]),
      );
    },
    end: async () => {
      begun.send({ end_stdin: true });
      await promise;
    },
    close: () => {
      signal.removeEventListener("abort", hangUp);
      socket.close();
    },
  };
}
