import { existsSync, rmSync, writeFileSync } from "node:fs";
import { readdir, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { askAgain, callerAt } from "./caller.ts";
import { command, toLiving, type Container } from "./container.ts";
import { CHECKPOINT_FILES, PAGES_FILE } from "./image.ts";
import { controlSocket, pausedPath } from "./machine-files.ts";
import { isPausedForRunsc } from "./state.ts";

/** Pages of larger images are still read while the sandbox runs, and it waits for those that it wants; of smaller ones it is too soon done. */
const READ_ON_BYTES = 32 * 1_048_576;

/**
 * What is asked of a sandbox's process that is there. Our builds are asked directly; one from before they could be has a whole
 * runsc started for each question, which also keeps its own notes of them. A container is restored once: after a `CallerEnded`
 * it is of no use any more.
 */
export async function restoreInto(container: Container, imageDir: string): Promise<void> {
  const { build, files, record } = container;
  if (build.features.caller === undefined) {
    const argv = ["--detach", "--image-path", imageDir, "--bundle", files.dir, record.machineId];
    return command(container, "restore", ...argv);
  }
  const { size } = await stat(join(imageDir, PAGES_FILE));
  const arg = { HavePagesFile: true, HaveDeviceFile: false, Background: size > READ_ON_BYTES };
  return ask(container, "Restore", arg, { dir: imageDir, create: false });
}

/** Older builds would compress it. */
const WHOLE = ["--compression=none", "--leave-running"];

/** Writes the checkpoint into `dir`, which is empty; the sandbox goes on, unless it was paused. */
export async function checkpointInto(container: Container, dir: string): Promise<void> {
  if (container.build.features.caller === undefined)
    return command(container, "checkpoint", ...WHOLE, "--image-path", dir, container.record.machineId);
  const arg = { metadata: { compression: "none" }, have_pages_file: true, Resume: true };
  // A sentry that was told writes the first one to its end, into files without a name, before it begins with the second.
  const empty = async () => {
    for (const name of await readdir(dir)) await rm(join(dir, name));
  };
  return askAgain(() => ask(container, "Checkpoint", arg, { dir, create: true }), empty);
}

/** What stands still and is called running is lost to whoever uses it: each one takes the start of a caller, some 10 ms. */
const RESUME_ATTEMPTS = 1000;

/**
 * The mark is there from before it is paused until after it goes on: one that is marked and runs may be resumed. What was paused
 * or resumed already is that by being asked again.
 */
export async function pauseContainer(container: Container): Promise<void> {
  if (container.build.features.caller === undefined) return command(container, "pause", container.record.machineId);
  writeFileSync(pausedPath(container.files), "");
  await askAgain(() => ask(container, "Pause", {}));
}

export async function resumeContainer(container: Container): Promise<void> {
  if (container.build.features.caller === undefined) return command(container, "resume", container.record.machineId);
  await askAgain(() => ask(container, "Resume", {}), undefined, RESUME_ATTEMPTS);
  rmSync(pausedPath(container.files), { force: true });
}

/** Asked once, after another host agent has gone: it may have died in the middle of a snapshot. */
export async function isPaused(container: Container): Promise<boolean> {
  if (container.build.features.caller === undefined) return isPausedForRunsc(container);
  return existsSync(pausedPath(container.files));
}

function ask(
  container: Container,
  method: string,
  arg: Record<string, unknown>,
  image?: { dir: string; create: boolean },
): Promise<void> {
  const { build, files, record } = container;
  const call = {
    socket: controlSocket(files, record.machineId),
    method: `containerManager.${method}`,
    arg,
    ...(image && { files: CHECKPOINT_FILES.map((name) => ({ path: join(image.dir, name), create: image.create })) }),
  };
  return toLiving(container, () => callerAt(build.features.caller!, dirname(files.dir)).call(call));
}
