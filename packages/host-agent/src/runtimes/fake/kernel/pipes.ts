import type { OpenFile, Pipe, World } from "../world/world.ts";

export const PIPE_BYTES = 65_536;

export function newPipe(world: World, ends: { readers: number; writers: number } = { readers: 0, writers: 0 }): Pipe {
  const pipe: Pipe = { id: world.nextId++, chunks: [], bytes: 0, ...ends };
  world.pipes.set(pipe.id, pipe);
  return pipe;
}

export function pipeOf(world: World, id: number): Pipe {
  const pipe = world.pipes.get(id);
  if (pipe === undefined) throw new Error(`no pipe ${id} in this guest`);
  return pipe;
}

/** Takes what fits; the rest waits with the writer. */
export function writePipe(pipe: Pipe, data: Buffer): number {
  const count = Math.min(data.length, PIPE_BYTES - pipe.bytes);
  if (count > 0) {
    pipe.chunks.push(data.subarray(0, count));
    pipe.bytes += count;
  }
  return Math.max(count, 0);
}

export function readPipe(pipe: Pipe, max: number): Buffer {
  const taken: Buffer[] = [];
  let room = max;
  while (room > 0 && pipe.chunks.length > 0) {
    const chunk = pipe.chunks[0]!;
    if (chunk.length <= room) pipe.chunks.shift();
    else pipe.chunks[0] = chunk.subarray(room);
    taken.push(chunk.length <= room ? chunk : chunk.subarray(0, room));
    room -= Math.min(chunk.length, room);
  }
  const data = taken.length === 1 ? taken[0]! : Buffer.concat(taken);
  pipe.bytes -= data.length;
  return data;
}

/** One end fewer. A pipe without ends is forgotten; a writer without readers finds out when it writes. */
export function closePipeEnd(world: World, id: number, end: "read" | "write"): void {
  const pipe = world.pipes.get(id);
  if (pipe === undefined) return;
  if (end === "read") pipe.readers--;
  else pipe.writers--;
  if (pipe.readers <= 0 && pipe.writers <= 0) world.pipes.delete(id);
}

type OpenFileBody = OpenFile extends infer F ? (F extends OpenFile ? Omit<F, "id" | "refs"> : never) : never;

export function newOpenFile(world: World, body: OpenFileBody): OpenFile {
  const file = { id: world.nextId++, refs: 0, ...body } as OpenFile;
  world.files.set(file.id, file);
  if (file.kind === "file") world.inodes.get(file.ino)!.opens++;
  if (file.kind === "pipe") {
    const pipe = pipeOf(world, file.pipe);
    if (file.end === "read") pipe.readers++;
    else pipe.writers++;
  }
  return file;
}
