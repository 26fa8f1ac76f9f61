import { closeSync, fchmodSync, fsyncSync, openSync, renameSync, writeSync } from "node:fs";

/** Replaces a file whole: after a crash at any instruction it holds the old text or the new one. */
export function writeFileWhole(path: string, text: string, mode: number): void {
  const temporary = `${path}.tmp-${process.pid}`;
  const fd = openSync(temporary, "w", mode);
  try {
    fchmodSync(fd, mode);
    writeSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(temporary, path);
}
