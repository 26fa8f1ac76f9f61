import { memoryBackend, rootDisk } from "./command-line.ts";
import type { Qmp } from "./qmp.ts";

/**
 * Gives a blank VMM its memory and disk and lets it make its devices: 15 ms, where a start from nothing takes 60. What was
 * done before that is the same for every image, so that a blank may wait for whichever comes.
 */
export async function shapeVmm(qmp: Qmp, options: { memoryMb: number; durable: boolean }): Promise<void> {
  const { id } = memoryBackend(options.memoryMb);
  await Promise.all([
    qmp.command("object-add", memoryBackend(options.memoryMb)),
    qmp.command("qom-set", { path: "/machine", property: "memory-backend", value: `/objects/${id}` }),
    qmp.command("blockdev-add", rootDisk(options.durable)),
    qmp.command("x-exit-preconfig"),
  ]);
}
