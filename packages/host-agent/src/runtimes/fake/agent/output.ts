import type { Kernel } from "../kernel/kernel.ts";
import { closePipeEnd, readPipe } from "../kernel/pipes.ts";
import type { CommandRecord, ExitStatus, Process } from "../world/world.ts";
import { attachmentsOf } from "./attachment.ts";

const CHUNK_BYTES = 65_536;

/** Takes the output of every command: keeps the newest, hands it to whoever listens, as fast as the slowest of them reads. */
export function pumpOutput(kernel: Kernel): boolean {
  let hasMoved = false;
  for (const record of kernel.world.commands.values()) {
    if (
      record.deadlineMs !== null &&
      record.result === null &&
      !record.isTimedOut &&
      kernel.monotonicMs() >= record.deadlineMs
    ) {
      record.isTimedOut = true;
      kernel.signalGroup(record.pid, "SIGKILL");
      hasMoved = true;
    }
    if (drain(kernel, record, 1, record.stdoutPipe)) hasMoved = true;
    if (record.stderrPipe !== null && drain(kernel, record, 2, record.stderrPipe)) hasMoved = true;
  }
  return hasMoved;
}

function drain(kernel: Kernel, record: CommandRecord, channel: number, pipeId: number): boolean {
  const pipe = kernel.world.pipes.get(pipeId);
  if (pipe === undefined || pipe.bytes === 0) return false;
  let room = CHUNK_BYTES;
  // Once the command has ended, what others write into its pipes is kept for nobody in particular.
  if (record.result === null)
    for (const attachment of attachmentsOf(record)) room = Math.min(room, attachment.room(channel));
  if (room === 0) return false;
  const data = readPipe(pipe, room);
  keep(record, channel, data);
  if (record.result === null) for (const attachment of attachmentsOf(record)) attachment.give(channel, data);
  return true;
}

function keep(record: CommandRecord, channel: number, data: Buffer): void {
  record.replay.push({ channel, data });
  record.replayBytes += data.length;
  while (record.replayBytes > record.replayLimit && record.replay.length > 0) {
    const oldest = record.replay[0]!;
    const surplus = record.replayBytes - record.replayLimit;
    if (oldest.data.length <= surplus) record.replay.shift();
    else record.replay[0] = { channel: oldest.channel, data: oldest.data.subarray(surplus) };
    record.replayBytes -= Math.min(surplus, oldest.data.length);
  }
}

/** A command's own process has ended: what its pipes hold now is its output, whoever else has them open. */
export function finishCommand(kernel: Kernel, process: Process, status: ExitStatus): void {
  const record = [...kernel.world.commands.values()].find((one) => one.pid === process.pid && one.result === null);
  if (record === undefined) return;
  for (const [channel, id] of [
    [1, record.stdoutPipe],
    [2, record.stderrPipe],
  ] as const) {
    const pipe = id === null ? undefined : kernel.world.pipes.get(id);
    if (pipe === undefined || pipe.bytes === 0) continue;
    const data = readPipe(pipe, pipe.bytes);
    keep(record, channel, data);
    for (const attachment of attachmentsOf(record)) attachment.give(channel, data);
  }
  record.result = {
    exit_code: record.isTimedOut ? 124 : status.code,
    signal: status.signal,
    timed_out: record.isTimedOut,
    duration_ms: Math.round(kernel.monotonicMs() - record.startedMonotonicMs),
  };
  if (record.stdinPipe !== null && kernel.world.pipes.has(record.stdinPipe))
    closePipeEnd(kernel.world, record.stdinPipe, "write");
  const terminal = record.terminal === null ? undefined : kernel.world.terminals.get(record.terminal);
  if (terminal !== undefined) terminal.isHungUp = true;
}

export function nextDeadline(kernel: Kernel): number | undefined {
  let next: number | undefined;
  for (const { deadlineMs, result, isTimedOut } of kernel.world.commands.values()) {
    if (deadlineMs !== null && result === null && !isTimedOut) next = Math.min(next ?? Infinity, deadlineMs);
  }
  return next;
}
