import { existsSync } from "node:fs";
import { join } from "node:path";
import type { JournalSandbox, readJournal } from "../records.ts";
import type { CrashServer } from "../server.ts";
import { difference, ids, namesIn, read, spareTooMany } from "./look.ts";
import type { MachineSeen } from "../../../e2e/support/machines.ts";
import { partsOf } from "./machines.ts";

/** Whatever of journal, pool and run folder one has and another has not. */
export function inFolders(
  server: CrashServer,
  journal: ReturnType<typeof readJournal>,
  machines: readonly MachineSeen[],
): string[] {
  const list = (folder: string): string[] => namesIn(join(server.poolDir, folder));
  const known = journal.sandboxes.map((sandbox) => sandbox.machine?.machineId).filter((id) => id !== undefined);
  const named = ids(journal.sandboxes);
  return [
    ...list("sandboxes")
      .filter((id) => !named.includes(id))
      .map((id) => `folder of sandbox ${id}: pool only, not journal`),
    ...journal.sandboxes.flatMap((sandbox) =>
      difference(`file of the ${sandbox.state} sandbox ${sandbox.id}`, {
        pool: list(`sandboxes/${sandbox.id}`),
        expected: filesOf(server, sandbox),
      }),
    ),
    ...difference("folder of snapshot", { pool: list("snapshots"), journal: ids(journal.snapshots) }),
    ...difference("file of volume", { pool: list("volumes"), journal: ids(journal.volumes).map((id) => `${id}.ext4`) }),
    ...list("scratch").map((name) => `scratch/${name}`),
    ...[
      ...list("snapshots").map((id) => `snapshots/${id}`),
      ...list("templates").map((key) => `templates/${key}`),
      ...list("sandboxes").map((id) => `sandboxes/${id}/memory-image`),
    ].flatMap((image) => unfinished(server, image)),
    ...known.filter((id) => !ids(machines).includes(id)).map((id) => `machine ${id} has no folder`),
    ...spareTooMany(
      "machines",
      ids(machines).filter((id) => !known.includes(id)),
      server.spare.machines,
    ),
    ...partsOf(server, machines),
  ];
}

/** What a sandbox keeps beside its machine. */
function filesOf(server: CrashServer, sandbox: JournalSandbox): string[] {
  const { state, reason, volumes = [] } = sandbox;
  // One that sleeps and says why has lost its memory.
  const memory = state === "hibernated" && reason === null ? ["memory-image"] : [];
  const copies = volumes.filter((volume) => volume.readOnly).map((volume) => `volume${volume.drive}`);
  return [...(hasDisk(server, sandbox) ? ["disk"] : []), ...memory, ...copies];
}

/** On gVisor some have one, and the files of the others are in their memory. */
function hasDisk(server: CrashServer, { id, runtime, machine }: JournalSandbox): boolean {
  if (runtime !== "gvisor") return true;
  const folder = join(server.poolDir, "sandboxes", id);
  const [image, own] = [join(folder, "memory-image"), join(folder, "disk")];
  if (machine) return machine.state?.erofs === undefined;
  return existsSync(image) ? isOfDisk(image) : existsSync(own);
}

/** Of a checkpoint, see `packages/host-agent/src/runtimes/gvisor/image.ts`. */
const CHECKPOINT = ["checkpoint.img", "pages_meta.img", "pages.img", "gvisor.json", "image.json"];

const isOfDisk = (image: string): boolean => !read(join(image, "gvisor.json")).includes('"erofs"');

/** In an image of one that sleeps, where a wake was cut short: its volumes may have been written to since. */
const TOUCHED = "volumes-touched";

/** An image that has its name is whole: with the disk and the volumes that its sandbox had. */
function unfinished(server: CrashServer, image: string): string[] {
  const folder = join(server.poolDir, image);
  if (!existsSync(join(folder, "gvisor.json"))) return [];
  const { volumes = [] } = JSON.parse(read(join(folder, "image.json")) || "{}") as { volumes?: { drive: number }[] };
  const disks = [...(isOfDisk(folder) ? ["disk"] : []), ...volumes.map(({ drive }) => `volume${drive}`)];
  const pool = namesIn(folder).filter((name) => name !== TOUCHED || !image.endsWith("/memory-image"));
  return difference(`file of the image ${image}`, { pool, expected: [...CHECKPOINT, ...disks] });
}
