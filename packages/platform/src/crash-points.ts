import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";

/**
 * Places at which a test may end this process as kill -9 does, with nothing flushed and nothing put away: before and after
 * whatever the world outside can see of an operation. `<process>.<operation>.<what has just happened>`. The registry is all
 * there are: tests go through it, so a place that nothing reaches fails there, and one that is not in it does not compile.
 */
export const crashPoints = [
  // A network slot: lease, kernel.
  "host.slot.leased",
  "host.slot.made",
  "host.slot.removed",
  // A machine: files, VMM, device state, guest. Shared by create, wake, fork and the VMMs started ahead.
  "host.machine.files-made",
  "host.machine.node-made",
  "host.machine.disk-placed",
  "host.machine.cgroup-made",
  "host.machine.spawned",
  "host.machine.started",
  "host.machine.volume-placed",
  "host.machine.volumes-plugged",
  "host.machine.loaded",
  "host.machine.resumed",
  "host.machine.answered",
  "host.machine.volumes-settled",
  "host.machine.killed",
  "host.disk.linked",
  // An image of a machine: its own scratch folder, moved whole.
  "host.image.scratch-made",
  "host.image.laid-out",
  "host.image.stopped",
  "host.image.written",
  "host.image.described",
  "host.image.old-removed",
  "host.image.moved",
  "host.image.copied",
  // Commands: before and after each one's commit to the journal.
  "host.create.started",
  "host.create.disk-kept",
  "host.create.committed",
  "host.pause.quiet",
  "host.pause.stopped",
  "host.pause.committed",
  "host.resume.committed",
  "host.resume.resumed",
  "host.configure.committed",
  "host.network.committed",
  "host.network.applied",
  "host.network.answered",
  "host.snapshot.taken",
  "host.snapshot.committed",
  "host.snapshot-delete.committed",
  "host.hibernate.taken",
  "host.hibernate.committed",
  "host.hibernate.stopped",
  "host.wake.started",
  "host.wake.committed",
  "host.wake.disk-kept",
  "host.fork.imaged",
  "host.fork.child-started",
  "host.fork.started",
  "host.fork.committed",
  "host.delete.committed",
  "host.delete.stopped",
  "host.delete.released",
  "host.death.committed",
  // Volumes: the file, the journal, the guest that has it.
  "host.volume.placed",
  "host.volume.committed",
  "host.volume.file-grown",
  "host.volume.grown",
  "host.volume.announced",
  "host.volume.forgotten",
  "host.volume.touching",
  "host.volume.handed-over",
  // Recovery is an operation, too.
  "host.recovery.adopted-one",
  "host.recovery.failed-one",
  "host.recovery.adopted",
  "host.recovery.strangers-killed",
  "host.recovery.slots-adopted",
  "host.recovery.machines-removed",
  "host.recovery.finished",
  "host.recovery.builds-noted",
  // Templates.
  "host.bake.begun",
  "host.bake.booted",
  "host.bake.imaged",
  "host.bake.stopped",
  "host.bake.described",
  "host.bake.moved",
  "host.bake.exporting",
  "host.template.copied",
  // A root file system that is taken out of a builder, and what a runtime boots of it.
  "host.root.begun",
  "host.root.written",
  "host.root.moved",
  "host.root.unpacked",
  "host.root.imaged",
  // The control plane: between a row and a command, between the host's answer and the row, before the client hears of it.
  "control.idempotency.claimed",
  "control.idempotency.done",
  "control.idempotency.remembered",
  "control.create.written",
  "control.create.made",
  "control.create.finished",
  "control.fork.written",
  "control.fork.made",
  "control.fork.finished-one",
  "control.fork.finished",
  "control.tree.forked",
  "control.promote.deleted-one",
  "control.promote.deleted",
  "control.snapshot.written",
  "control.snapshot.made",
  "control.snapshot.finished",
  "control.snapshot-delete.unwanted",
  "control.snapshot-delete.removed",
  "control.change.wanted",
  "control.change.made",
  "control.change.observed",
  "control.configure.made",
  "control.network.wanted",
  "control.network.made",
  "control.volume.written",
  "control.volume.made",
  "control.volume.finished",
  "control.volume-grow.made",
  "control.volume-delete.unwanted",
  "control.volume-delete.removed",
  "control.build.written",
  "control.build.opened",
  "control.build.performed",
  "control.build.kept",
  "control.build.exported",
  "control.build.closed",
  "control.build.baked",
  "control.build.published",
  "control.delete.unwanted",
  "control.delete.removed",
  "control.reaper.claimed",
  "control.idle.wanted",
  "control.idle.made",
  "control.reconciler.claimed",
  "control.events.read",
  "control.events.stored",
] as const;
export type CrashPoint = (typeof crashPoints)[number];

/** Never set outside of tests. Read once: in production a crash point is one comparison. */
const armedFile = process.env["PANDASTACK_CRASH_FILE"];

/**
 * Ends this process with SIGKILL if a test has armed this point: if the file that `PANDASTACK_CRASH_FILE` names says so. The
 * file holds `<point>` or `<point> <n>`, for the n-th time that it is reached. It is gone before the process is: the next life
 * goes on.
 */
export function crashPoint(name: CrashPoint): void {
  if (armedFile !== undefined) crashIfArmed(armedFile, name);
}

function crashIfArmed(file: string, name: CrashPoint): void {
  if (!existsSync(file)) return;
  const [armed, times = "1"] = readFileSync(file, "utf8").trim().split(" ");
  if (armed !== name) return;
  if (Number(times) > 1) {
    writeFileSync(`${file}.next`, `${name} ${Number(times) - 1}`);
    renameSync(`${file}.next`, file);
    return;
  }
  rmSync(file);
  process.kill(process.pid, "SIGKILL");
}
