import { statfs } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import type { Qmp } from "./qmp.ts";

/** Free blocks with which a guest that was stopped by a full pool may try its write again. */
const ENOUGH_BYTES = 64 * 1_048_576;
const POLL_MS = 500;

/**
 * A guest whose write finds the pool full is stopped by its VMM, before it learns of it: no file system is told of an error and
 * nothing is lost. It goes on, and its write with it, when the pool has room again. One that was paused meanwhile stays so.
 */
export function resumeWhenPoolHasRoom(qmp: Qmp, disk: string): void {
  let isWaiting = false;
  const goOn = async (): Promise<boolean> => {
    const { bavail, bsize } = await statfs(disk);
    if (bavail * bsize < ENOUGH_BYTES) return false;
    const { status } = (await qmp.command("query-status")) as { status: string };
    if (status === "io-error") await qmp.command("cont");
    return true;
  };
  const wait = async (): Promise<void> => {
    while (!qmp.isClosed) {
      // What fails once is tried again: nothing else would ever let the guest go on. The end of the VMM ends it.
      if (await goOn().catch(() => false)) return;
      await delay(POLL_MS, undefined, { ref: false });
    }
  };
  qmp.onEvent = (event, data) => {
    if (event !== "BLOCK_IO_ERROR" || data["action"] !== "stop" || isWaiting) return;
    isWaiting = true;
    void wait().finally(() => (isWaiting = false));
  };
}
