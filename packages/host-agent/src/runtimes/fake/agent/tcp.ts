import { closePipeEnd, newPipe, PIPE_BYTES, readPipe, writePipe } from "../kernel/pipes.ts";
import type { Operation } from "./operation.ts";
import { OperationError } from "./stream.ts";

/** A connection to a listener inside, over the guest's channel. */
export const connectTcp: Operation = ({ kernel, stream }, args) => {
  const port = Number(args["port"]);
  const listener = kernel.world.listeners.get(port);
  if (listener === undefined) throw new OperationError("connection_refused", `127.0.0.1:${port}: Connection refused`);
  const { world } = kernel;
  // The far ends count as open from the start; whoever accepts, or never does, closes them.
  const inward = newPipe(world, { readers: 1, writers: 1 });
  const outward = newPipe(world, { readers: 1, writers: 1 });
  listener.backlog.push({ readPipe: inward.id, writePipe: outward.id });
  const input: Buffer[] = [];
  let inputEnded = false;
  let isInputClosed = false;
  let isOutputOver = false;

  const close = (): void => {
    if (!isInputClosed) closePipeEnd(world, inward.id, "write");
    isInputClosed = true;
    if (!isOutputOver) closePipeEnd(world, outward.id, "read");
    isOutputOver = true;
    kernel.wake();
  };
  const pumpInput = (): boolean => {
    let hasMoved = false;
    while (input.length > 0 && inward.bytes < PIPE_BYTES) {
      const data = input[0]!;
      const taken = inward.readers > 0 ? writePipe(inward, data) : data.length;
      stream.consumed(0, taken);
      if (taken < data.length) input[0] = data.subarray(taken);
      else input.shift();
      hasMoved = true;
    }
    if (!inputEnded || input.length > 0 || isInputClosed) return hasMoved;
    isInputClosed = true;
    closePipeEnd(world, inward.id, "write");
    return true;
  };
  const pumpOutput = (): boolean => {
    if (isOutputOver) return false;
    const room = Math.min(PIPE_BYTES, stream.credit(1));
    if (outward.bytes > 0 && room > 0) {
      stream.data(1, readPipe(outward, room));
      return true;
    }
    if (outward.bytes > 0 || outward.writers > 0) return false;
    isOutputOver = true;
    closePipeEnd(world, outward.id, "read");
    stream.end(1);
    return true;
  };
  stream.listener = {
    data: (_channel, data) => void input.push(data),
    end: () => void (inputEnded = true),
    cancel: close,
    lost: close,
    pump: () => {
      let hasMoved = pumpInput();
      if (pumpOutput()) hasMoved = true;
      if (isOutputOver && (isInputClosed || inward.readers <= 0)) {
        close();
        stream.ok({});
      }
      return hasMoved;
    },
  };
  stream.event({ event: "connected" });
};
