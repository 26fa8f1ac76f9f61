/**
 * The host agent's HTTP surface, on a Unix socket (TLS in a fleet). Errors everywhere: `{error, code, retryable}` with the
 * status of the code's entry in the error registry.
 *
 *   GET    /v1/host                                     HostInfo
 *   POST   /v1/operations                               HostOperation → {result}
 *   GET    /v1/sandboxes                                {sandboxes: HostSandbox[]}
 *   GET    /v1/sandboxes/:id                            HostSandbox
 *   GET    /v1/volumes                                  {volumes: HostVolume[]}
 *   GET    /v1/roots                                    {roots: key[]} of those that this server uses
 *   POST   /v1/roots                                    ExportRootRequest → HostRoot; begins it, or says how far it is
 *   POST   /v1/images?kind=rootfs|image                 a tar archive (raw body, streamed) → HostImage
 *   POST   /v1/images/resolve                           ResolveImageRequest → HostImage; asks the registry
 *   POST   /v1/images/:id/release                       it is not needed any more
 *   POST   /v1/roots/import                             ImportRootRequest → HostRoot; begins it, or says how far it is
 *   GET    /v1/roots/:key                               HostRoot
 *   POST   /v1/roots/:key/release                       this server needs it no more
 *   POST   /v1/templates                                PrepareTemplateRequest → PreparedTemplate
 *   GET    /v1/snapshots                                {snapshots: HostSnapshot[]}
 *   GET    /v1/events?after=SEQ[&follow=1]              HostEvent per line (NDJSON); follow keeps the reply open
 *
 *   POST   /v1/sandboxes/:id/exec                       ExecRequest → stream of exec frames (below); closing the request
 *                                                       before the end leaves the process running; ?kill=1 kills it then
 *   GET    /v1/sandboxes/:id/process          WebSocket first message (text): {exec: ExecRequest} or {attach: {id, replay?}}
 *                                                       in: binary = stdin; text = {"signal"} | {"resize":{rows,cols}} | {"end_stdin":true}
 *                                                       out: binary = channel byte (1|2) + data; text = {"event":…} | {"result": ExecResult} | {"error","code"}
 *   GET    /v1/sandboxes/:id/processes                  {processes: ProcessInfo[]}
 *   POST   /v1/sandboxes/:id/processes/signal           {id | pid, signal}
 *   GET    /v1/sandboxes/:id/files?path=&offset=&length= raw bytes; header x-pandastack-entry: URI-encoded JSON FileEntry
 *   PUT    /v1/sandboxes/:id/files?path=&user=&mode=&append=1   raw body → {path, bytes}
 *   GET    /v1/sandboxes/:id/files/list?path=&depth=    FileEntry per line (NDJSON)
 *   POST   /v1/sandboxes/:id/files/op                   FsOperation → JSON
 *   GET    /v1/sandboxes/:id/files/watch?path=&recursive=1      events per line (NDJSON), first {"event":"ready"}
 *   GET    /v1/sandboxes/:id/tcp/:port                  `Upgrade: tcp`: after the 101 the connection is one to a port inside,
 *                                                       over the guest channel; each direction ends on its own
 *   GET    /v1/sandboxes/:id/ports                      {ports:[{port,address,pid,process}]}
 *   GET    /v1/sandboxes/:id/environment                {environment}: what it was given at its create or fork
 *   GET    /v1/sandboxes/:id/use                        HostUse
 *   GET    /v1/sandboxes/:id/network                    HostNetworkFigures
 *   GET    /v1/sandboxes/:id/metrics                    guest metrics + {vmm:{pid,rss_bytes,cpu_ms}}
 *   GET    /v1/sandboxes/:id/logs                       console and API-started output, text; with ?follow=1 {text} per line
 *                                                       (NDJSON): all of it, then what comes, until its machine ends
 */
export const HOST_API_PREFIX = "/v1";

/** What a connection to a port inside is upgraded to. */
export const TUNNEL_PROTOCOL = "tcp";

/** One frame of the exec stream: kind u8, length u32 big-endian, payload. */
export const ExecFrameKind = {
  stdout: 1,
  stderr: 2,
  /** JSON `{"event":"started","id","pid"}` */
  event: 3,
  /** JSON ExecResult, or `{id,pid}` of a detached one; last frame */
  result: 4,
  /** JSON `{error, code}`; last frame */
  error: 5,
} as const;
export type ExecFrameKind = (typeof ExecFrameKind)[keyof typeof ExecFrameKind];

export const EXEC_FRAME_HEADER_BYTES = 5;

export function encodeExecFrame(kind: ExecFrameKind, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(EXEC_FRAME_HEADER_BYTES + payload.length);
  frame[0] = kind;
  new DataView(frame.buffer).setUint32(1, payload.length);
  frame.set(payload, EXEC_FRAME_HEADER_BYTES);
  return frame;
}

/** Cuts a byte stream in any chunking back into exec frames. */
export async function* decodeExecFrames(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<{ kind: ExecFrameKind; payload: Uint8Array }> {
  let pending: Uint8Array = new Uint8Array(0);
  for await (const chunk of chunks) {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    for (;;) {
      if (pending.length < EXEC_FRAME_HEADER_BYTES) break;
      const length = new DataView(pending.buffer, pending.byteOffset).getUint32(1);
      const end = EXEC_FRAME_HEADER_BYTES + length;
      if (pending.length < end) break;
      yield { kind: pending[0] as ExecFrameKind, payload: pending.subarray(EXEC_FRAME_HEADER_BYTES, end) };
      pending = pending.subarray(end);
    }
  }
}
