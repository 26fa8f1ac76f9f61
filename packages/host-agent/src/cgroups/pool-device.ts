import { existsSync, readFileSync, realpathSync, statSync } from "node:fs";
import { dirname, join } from "node:path";

/** `major:minor` of the disk that a folder is on: of the whole disk where it is a partition, since only that can be limited. */
export function deviceOf(folder: string): string {
  const { dev } = statSync(folder, { bigint: true });
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn);
  const minor = (dev & 0xffn) | ((dev >> 12n) & ~0xffn);
  const number = `${major}:${minor}`;
  const entry = `/sys/dev/block/${number}`;
  if (!existsSync(join(entry, "partition"))) return number;
  return readFileSync(join(dirname(realpathSync(entry)), "dev"), "utf8").trim();
}
