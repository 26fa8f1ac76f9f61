import { Refusal } from "@pandastack/platform";

/** Node's, the kernel's and QEMU's words for a disk that is full. */
const NO_SPACE = /\bENOSPC\b|no space left on device/i;

/** What a failure of work on the pool is to the caller: guests may fill what was free when the work was let in. */
export function asRefusalWhenFull(error: unknown): unknown {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (!NO_SPACE.test(cause.message)) continue;
    return new Refusal(
      "capacity.insufficient_storage",
      "the host's storage pool became full meanwhile; nothing was changed. Delete sandboxes or snapshots",
      { cause: error, details: { limit: "pool" } },
    );
  }
  return error;
}
